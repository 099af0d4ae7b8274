# Writes what the shop will read.
echo "writing $PRICES"
printf 'apple 2\npear 3\n' > "$PRICES"
