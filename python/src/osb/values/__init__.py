"""What a message may be, and how it becomes bytes: specs/values.md. Pure."""

from .codec import answer_of, decode, decoder, encode, error_answer, stands_for_a_value
from .tags import RawArray, ValueProblem, register_type

__all__ = ["RawArray", "ValueProblem", "answer_of", "decode", "decoder", "encode", "error_answer", "register_type", "stands_for_a_value"]
