# Everything is a line that can also be typed; `./test` is what CI runs.

# Lists the recipes.
default:
    @just --list

# Runs every check, as CI does.
check:
    ./test

# Runs the tests, or those whose name holds a word.
test *ARGS:
    cargo nextest run --locked {{ ARGS }}

lint:
    cargo clippy --locked --all-targets -- -D warnings

# Over the list of files: modules that a macro declares are hidden from `cargo fmt`.
fmt:
    git ls-files -z '*.rs' | xargs -0 rustfmt --edition 2024

bench *ARGS:
    cargo bench --locked {{ ARGS }}

# Writes the files that are made from the code, such as the schemas.
schemas:
    UPDATE=1 cargo nextest run --locked --test it -E 'test(generated)'

# Tells the whole story on a real model, in a folder of its own.
demo *ARGS:
    cargo run --locked --release -- demo {{ ARGS }}
