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

# A shell's variables hold no bytes. `osb_ready frames` says that they are to come behind the lines, all messages of raw sockets
# too: $osb_bytes is how many there are, or empty, and `osb_frame` writes them, once, to its standard output. A frame that is the
# message leaves the word without `message`; in others `{"$bytes":[START,END]}` stands for a part of it. `osb_say_file` sends a file.
#
#     osb_ready frames
#     while osb_read; do
#       case $osb_word in
#         *'"type":"message"'*) osb_frame >image.png; osb_say_file '"type":"send","alias":"out"' image.png ;;
#       esac
#     done

# Says a word to the agent, written as a line of JSON.
osb_say() {
  printf '%s\n' "$1"
}

# Says a word, given without its braces, with a file as its message: as it is where the agent offers that, or as base64. Not by
# `osb_busy`, whose pongs might come in the middle of it.
osb_say_file() {
  case ${osb_frames-} in
    on)
      printf '{%s,"bytes":%d}\n' "$1" "$(wc -c <"$2")"
      cat "$2"
      printf '\n'
      ;;
    *) osb_say "{$1,\"message\":{\"\$base64\":\"$(base64 <"$2" | tr -d '\n')\"}}" ;;
  esac
}

# Says that the program is ready; with `pings`, that it answers them; with `frames`, that bytes come behind lines.
osb_ready() {
  case " $* " in
    *' frames '*) osb_frames=${osb_frames:-wanted} ;;
  esac
  case " $* " in
    *' pings '*) osb_say '{"type":"ready","pings":true}' ;;
    *) osb_say '{"type":"ready"}' ;;
  esac
}

# Waits for the agent's next word but pings: it is in osb_word then. Fails at the end.
osb_read() {
  osb_frame >/dev/null
  case ${osb_later-} in
    '') osb_read_new ;;
    *)
      osb_word=${osb_later%%"$osb_newline"*}
      osb_later=${osb_later#*"$osb_newline"}
      osb_announced
      case $osb_bytes in
        '') ;;
        *) osb_given=$((${osb_given-0} + 1)) && osb_file=$osb_folder/$osb_given ;;
      esac
      ;;
  esac
}

# Writes the frame of the last word, unless that was done.
osb_frame() {
  case ${osb_bytes-} in
    '') return 0 ;;
  esac
  case ${osb_file-} in
    '')
      # All of it in one block, and not a byte more.
      case $osb_bytes in
        0) ;;
        *) dd bs="$osb_bytes" count=1 iflag=fullblock 2>/dev/null ;;
      esac
      IFS= read -r osb_end
      ;;
    *)
      cat "$osb_file"
      rm -f "$osb_file"
      rmdir "$osb_folder" 2>/dev/null || :
      ;;
  esac
  osb_bytes=
  osb_file=
}

# Looks whether a frame follows the last word: the agent says so at the end of the line.
osb_announced() {
  osb_bytes=
  case ${osb_frames-}$osb_word in
    on*',"bytes":'*[0-9]'}') osb_bytes=${osb_word##*,\"bytes\":} ;;
  esac
  osb_bytes=${osb_bytes%\}}
  case $osb_bytes in
    *[!0-9]*) osb_bytes= ;;
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
  osb_frame >/dev/null
  while osb_read_new; do
    case $osb_word in
      '{"type":"reply","id":"osb-'"$osb_id"'","error"'*) return 1 ;;
      '{"type":"reply","id":"osb-'"$osb_id"'"'*) return 0 ;;
      *)
        osb_later=${osb_later-}$osb_word$osb_newline
        osb_keep_frame
        ;;
    esac
  done
  return 1
}

osb_read_new() {
  while IFS= read -r osb_word; do
    osb_announced
    case ${osb_frames-}$osb_word in
      *'{"type":"ping"'*) osb_say '{"type":"pong"}' ;;
      wanted'{"type":"start"'*'"frames":true'*) osb_frames=on && osb_say '{"type":"frames"}' && return 0 ;;
      *) return 0 ;;
    esac
  done
  return 1
}

# The frame of a word that is given later is in a file until then.
osb_keep_frame() {
  case $osb_bytes in
    '') return 0 ;;
  esac
  osb_kept=$((${osb_kept-0} + 1))
  [ -d "${osb_folder-}" ] || osb_folder=$(mktemp -d)
  osb_frame >"$osb_folder/$osb_kept"
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
