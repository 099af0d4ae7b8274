# The lines of an agent's program in a POSIX shell, and the answers to its pings. Neither jq nor anything else is needed;
# what the lines mean is in specs/commands.md.
#
#     . ./osb.sh
#
#     osb_ready pings
#     while osb_read; do
#       case $osb_word in
#         *'"type":"message"'*) osb_busy gzip big.log; osb_say '{"type":"send","alias":"out","message":"done"}' ;;
#         *'"type":"stop"'*) exit 0 ;;
#       esac
#     done
#
# A shell has no thread that could read while a command runs. Another process that reads ahead would answer pings even if
# this one were stopped, so there is none: `osb_read` answers pings when it comes to them, between two words. For that
# reason `osb_ready` alone does not say that the program answers pings; then it is watched by its health checks only.
#
# `osb_ready pings` says so. Then whatever takes long between two `osb_read`s has to be run by `osb_busy`: a program that
# answers no ping for 10 seconds counts as one that hangs, and is killed if its `restart` policy says so.

# Says a word to the agent, written as a line of JSON.
osb_say() {
  printf '%s\n' "$1"
}

# Says that the program is ready; with `pings`, that it answers them.
osb_ready() {
  case ${1-} in
    pings) osb_say '{"type":"ready","pings":true}' ;;
    *) osb_say '{"type":"ready"}' ;;
  esac
}

# Waits for the agent's next word but pings: it is in osb_word then. Fails at the end.
osb_read() {
  case ${osb_later-} in
    '') osb_read_new ;;
    *)
      osb_word=${osb_later%%"$osb_newline"*}
      osb_later=${osb_later#*"$osb_newline"}
      ;;
  esac
}

osb_newline='
'

# Says a word, given without its braces, with an id of its own, and waits for the reply, which is in osb_word then; fails if
# that is an error. What comes in between, the next osb_read gives.
#
#     osb_ask '"type":"spawn","name":"W1","command":["sh","worker.sh"],"connect":{"tasks":"Boss.tasks"}'
osb_ask() {
  osb_id=$((${osb_id-0} + 1))
  osb_say "{$1,\"id\":\"osb-$osb_id\"}"
  while osb_read_new; do
    case $osb_word in
      '{"type":"reply","id":"osb-'"$osb_id"'","error"'*) return 1 ;;
      '{"type":"reply","id":"osb-'"$osb_id"'"'*) return 0 ;;
      *) osb_later=${osb_later-}$osb_word$osb_newline ;;
    esac
  done
  return 1
}

osb_read_new() {
  while IFS= read -r osb_word; do
    case $osb_word in
      '{"type":"ping"'*) osb_say '{"type":"pong"}' ;;
      *) return 0 ;;
    esac
  done
  return 1
}

# Runs a command, or a function of the program, that may take long, and gives its status. Meanwhile a process says every
# 2 seconds for how long that has taken. It says so also if the command hangs, which nobody here could tell from work:
# `max_busy` in the topology's `health` says how long it may take.
osb_busy() {
  osb_tell_busy </dev/null &
  osb_teller=$!
  osb_status=0
  "$@" || osb_status=$?
  # The shell would say that it was killed.
  kill "$osb_teller" 2>/dev/null || :
  wait "$osb_teller" 2>/dev/null || :
  osb_say '{"type":"pong"}'
  return "$osb_status"
}

osb_tell_busy() {
  osb_for=0
  osb_pause=
  trap 'kill $osb_pause 2>/dev/null; exit' TERM
  while :; do
    # On a line of its own, also if the command is printing one.
    printf '\n{"type":"pong","busy":"%ds"}\n' "$osb_for"
    sleep 2 &
    osb_pause=$!
    wait "$osb_pause"
    osb_for=$((osb_for + 2))
  done
}
