# What the scripts share. To be sourced, after `set -euo pipefail`; it changes no directory.

# The repository, and the script that sources this.
root=$(realpath -e -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
script=$(realpath -e -- "$0")

# say TEXT...: a heading.
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# show COMMAND...: prints a command, and runs it.
show() { printf '$ %s\n' "$*"; "$@"; }

# usage: prints the comment that the script begins with.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$script"; }

# help_if_asked ARGUMENT...: where the first one is -h or --help, prints the usage and ends the script.
help_if_asked() {
    case ${1:-} in -h | --help) usage && exit ;; esac
}

# install_packages PACKAGE...: installs Debian packages that are missing.
install_packages() { "$root/scripts/lib/install" "$@"; }

# check_rust [COMPONENT...]: ends the script where Rust is missing or too old; adds components.
check_rust() { "$root/scripts/lib/check-rust" "$@"; }

# release: builds the program, and leaves its path in $roxfs. With ROXFS=PATH in the environment that program is used,
# and nothing is built.
release() {
    if [ -n "${ROXFS:-}" ]; then
        roxfs=$(realpath -e -- "$ROXFS")
        return
    fi
    check_rust
    (cd "$root" && cargo build --release --locked --quiet --target-dir target)
    roxfs=$root/target/release/roxfs
}

# make_venv NAME PACKAGE...: a virtual environment of Python with these packages (or arguments of `pip install`), and
# leaves its path in $venv. It is made anew only if it has others.
make_venv() {
    venv=$root/target/venv/$1
    shift
    if "$venv/bin/python" -c '' 2>/dev/null && [ "$(cat "$venv/packages" 2>/dev/null)" = "$*" ]; then
        return
    fi
    show python3 -m venv --clear "$venv" &&
        show "$venv/bin/pip" install -q --no-cache-dir --disable-pip-version-check "$@" &&
        echo "$*" >"$venv/packages"
}

# loader_venv NAME: the virtual environment of one loader, for scripts/loaders and scripts/recipes.
loader_venv() {
    local packages=()
    case $1 in
    pillow) packages=(numpy==2.4.6 pillow==13.0.0) ;;
    torchvision) packages=(torch==2.15.0 torchvision==0.29.2) ;;
    datasets) packages=(datasets==5.2.0 pillow==13.0.0) ;;
    grain) packages=(grain==0.2.18 pillow==13.0.0) ;;
    keras) packages=(tensorflow-cpu==2.21.0 keras==3.15.1) ;;
    dali) packages=(nvidia-dali-cuda130==2.4.0) ;;
    numpy) packages=(numpy==2.4.6) ;;
    roxxel) packages=(roxxel==0.9.14 jax==0.10.2) ;;
    esac
    make_venv "loaders/$1" "${packages[@]}"
}

# work_dir [PARENT]: makes a directory below PARENT, leaves its path in $work, and enters it. However the script ends,
# what is mounted below it is unmounted, and it is removed.
work_dir() {
    work=$(realpath -e -- "$(mktemp -d -p "${1:-${TMPDIR:-/tmp}}" roxfs-XXXXXX)")
    trap leave_work_dir EXIT
    cd "$work"
}

leave_work_dir() {
    # Whatever fails now, as writing to a pipe that nobody reads any more, the rest is to be done.
    set +e
    cd /
    # The last one mounted first. Spaces and the like are written as octal escapes there.
    tac /proc/self/mountinfo | cut -d ' ' -f 5 | while read -r mountpoint; do
        printf -v mountpoint %b "$mountpoint"
        [[ $mountpoint != "$work"/* ]] || "$roxfs" umount -l "$mountpoint" || umount -l "$mountpoint"
    done
    rm -rf --one-file-system -- "$work"
}

# milliseconds_since TIME: since $EPOCHREALTIME was TIME.
milliseconds_since() { echo $(((${EPOCHREALTIME/./} - ${1/./}) / 1000)); }

# private_memory MOUNTPOINT: of the daemon that was started with exactly this mount point, in kB. Mapped pages of
# shards belong to the page cache, and are not counted.
private_memory() {
    local daemon
    daemon=$(pgrep -fx -- "$roxfs mount .*$1")
    awk '$1 == "RssAnon:" { print $2 }' "/proc/$daemon/status"
}
