# Looks at the sky when the weather is in the news. JSON lines by the shell: see specs/commands.md.
while IFS= read -r line; do
    case $line in
        *'"type":"message"'*)
            reports=$((${reports:-0} + 1))
            printf '{"type":"log","text":"report %s: I had better bring in the hay"}\n' "$reports"
            printf '{"type":"set","attributes":{"reports":%s}}\n' "$reports"
            ;;
    esac
done
