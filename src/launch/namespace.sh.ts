/**
 * The two shell scripts of the private mount namespace. Everything variable reaches them as a positional parameter,
 * never as text, so any bytes are safe in it. While they work, descriptor 3 is the report channel (their standard
 * error goes there) and descriptor 4 keeps the program's standard error.
 */

/** What the second script sends when only the program is left to start. NULs, so that no tool's message can end so. */
export const STARTED = '\0started\0';

/** What the scripts exit with when the set-up failed. */
export const SETUP_FAILED = 125;

const PROLOGUE = String.raw`
fail() { printf 'afukit: [%s] %s\n' "$1" "$2" >&2; exit ${SETUP_FAILED}; }
`;

/**
 * Parameters: REPORT (3: a channel of the caller's; 2: there is none, report on standard error), then the command to go
 * on with. It is a shell that looks `unshare` up: were it the caller's own spawn, a PATH entry below the tree would make
 * the caller wait for itself.
 */
export const ENTER: string = `${PROLOGUE}${String.raw`
[ "$1" = 3 ] || exec 3>&2
exec 4>&2 2>&3
shift
for tool in unshare mount setpriv env mkdir cp; do
  command -v "$tool" >/dev/null || fail tool "the program '$tool' is missing"
done
exec "$@"
`}`;

/**
 * Parameters: REPORT, TREE, whether the mounts are made with root's own rights (root) or with those over a user namespace
 * (user), a program to look up first and along which path (or two empty strings), then the command to end in.
 *
 * /dev and /sys/class are rebuilt only where they have no directory cxl to mount over, since one cannot be made there: a
 * tmpfs is filled at a place that is not being read at that moment, and moved. Its entries are bind mounts, for a device
 * node on a tmpfs of a user namespace does not open; symbolic links are copied. One `mount --all` makes nearly all of
 * them; whatever it left out (odd names, or what it took for mounted already) is mounted singly.
 */
export const BUILD: string = `${PROLOGUE}${String.raw`
report=$1 tree=$2 who=$3 program=$4 path=$5
shift 5

# the user owns the tmpfs of a user namespace, and must not be able to make files in /dev for that
mode=0755
[ "$who" = root ] || mode=0555

bind() { mount -c -n --rbind "$1" "$2" </dev/null; }
plain() { [ -d "$1" ] && [ ! -L "$1" ]; }

placeholder() {
  if [ -d "$1" ]; then mkdir "$2"; else true >"$2"; fi
}

# A bind mount of /dev/ptmx does not open: the kernel looks for the terminals in the directory that the node itself is in.
# So: a node of our own, or the terminals' own one if their mount lets us, or the original with its directory.
multiplexer() { # AT
  [ -c /dev/ptmx ] && [ ! -L /dev/ptmx ] && [ -d /dev/pts ] || return 0
  [ ! /dev/ptmx -ef /dev/pts/ptmx ] || return 0
  [ "$who" != root ] || ! cp -a /dev/ptmx "$1/ptmx" || return 0
  if [ -r /dev/pts/ptmx ] && [ -w /dev/pts/ptmx ]; then
    ln -s pts/ptmx "$1/ptmx"
  else
    mkdir "$1/.afukit" && bind /dev "$1/.afukit" && ln -s .afukit/ptmx "$1/ptmx"
  fi || fail mount '/dev/ptmx cannot be kept'
}

rebuild() { # WHAT AT
  what=$1 at=$2
  mount -c -n -t tmpfs -o "mode=$mode,nosuid" afukit "$at" </dev/null || fail mount "no tmpfs for $what"

  [ "$what" != /dev ] || multiplexer "$at"

  set -- "$at/cxl"
  table=
  for entry in "$what"/* "$what"/.[!.]* "$what"/..?*; do
    name=${'$'}{entry##*/}
    [ "$name" != cxl ] && [ -e "$entry" ] && [ ! -L "$entry" ] || continue
    [ ! -e "$at/$name" ] && [ ! -L "$at/$name" ] || continue
    if [ -d "$entry" ]; then set -- "$@" "$at/$name"; else true >"$at/$name"; fi
    case $name in
    *[!A-Za-z0-9._:+@-]*) ;;
    *) table="$table$entry $at/$name none rbind 0 0
" ;;
    esac
  done
  mkdir -- "$@" || fail mount "$what cannot be rebuilt"
  printf '%s' "$table" >"$at/cxl/fstab" # a regular file it must be; cxl is mounted over in the end
  mount -c -n --all --fstab "$at/cxl/fstab" </dev/null

  set --
  for entry in "$what"/* "$what"/.[!.]* "$what"/..?*; do
    name=${'$'}{entry##*/}
    [ "$name" != cxl ] || continue
    [ "$name" != ptmx ] || [ ! -c "$at/ptmx" ] || continue
    if [ -L "$entry" ]; then
      set -- "$@" "$entry"
    elif [ -e "$entry" ] && ! [ "$entry" -ef "$at/$name" ]; then
      [ -e "$at/$name" ] || placeholder "$entry" "$at/$name"
      bind "$entry" "$at/$name" || ! [ -e "$entry" ] || fail mount "$entry cannot be mounted"
    fi
  done
  [ $# = 0 ] || cp -P -- "$@" "$at" || fail mount "the links of $what cannot be copied"
  mount -c -n --move "$at" "$what" </dev/null || fail mount "the rebuilt $what cannot be moved into place"
}

[ -d "$tree/dev/cxl" ] || fail tree 'the tree has no directory dev/cxl'
[ -d "$tree/sys/class/cxl" ] || fail tree 'the tree has no directory sys/class/cxl'
[ -d /dev ] || fail mount 'there is no /dev'
[ -d /sys/class ] || fail mount 'there is no /sys/class'
here=$(pwd -P)

plain /dev/cxl || rebuild /dev /sys/class
plain /sys/class/cxl || rebuild /sys/class /dev/cxl
bind "$tree/sys/class/cxl" /sys/class/cxl || fail mount '/sys/class/cxl cannot be mounted'
bind "$tree/dev/cxl" /dev/cxl || fail mount '/dev/cxl cannot be mounted'

case $here/ in
/dev/* | /sys/class/*)
  cd -P -- "$here" || fail directory "the current directory $here does not exist in the namespace" ;;
esac

[ "$report" != 3 ] || printf '\000started\000' >&3
exec 2>&4 3>&- 4>&-
if [ "$program" ]; then
  # env(1) reports a directory of PATH that may not be searched rather than that there is no such program
  tools=$PATH PATH=$path
  command -v -- "$program" >/dev/null || { printf 'afukit: %s: command not found\n' "$program" >&2; exit 127; }
  PATH=$tools
fi
exec "$@"
`}`;
