#!/bin/sh
# Has the numbers from 1 to 5 doubled and keeps their sum. What is in a line of JSON that one knows
# beforehand is found by patterns: neither jq nor anything else is needed.
sum=0
ask() { printf '{"type":"request","alias":"ask","message":%d,"id":%d,"timeout":"10s"}\n' "$1" "$1"; }

echo '{"type":"ready"}'
while read -r line; do
  case $line in
    *'"type":"start"'*)
      ask 1 ;;
    *'"type":"reply"'*'"error"'*)
      echo "no luck: $line" ;;                      # what is no JSON is logged as it is
    *'"type":"reply"'*)
      id=${line##*\"id\":}; id=${id%%[!0-9]*}
      double=${line##*\"message\":}; double=${double%%[!0-9]*}
      sum=$((sum + double))
      printf '{"type":"set","attributes":{"sum":%d}}\n' "$sum"
      if [ "$id" -lt 5 ]; then ask $((id + 1)); fi ;;
    *'"type":"stop"'*)
      exit 0 ;;
  esac
done
