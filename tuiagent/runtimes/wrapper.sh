# Runs one command and records how it ended, so that it outlives whoever started it.
#
# $1  the spool folder
# $2  the point at which to crash, in tests only
# $3  a descriptor that closes when all of this is to end; - where it is not
# $4… the shell that runs $1/command, and before it the sandbox that holds it, if there is one
# stdin   the lock, held for as long as this process lives; the command does not get it
# stdout  the file $1/output, opened for appending
# stderr  what is to stay open for as long as this process lives; the command does not get it
#
# Only what is built into every POSIX shell is used: each program more would cost a millisecond.
# The braces make the shell read all of this before it runs any of it. A shell that says by itself
# how a signal ended the command ("Terminated") says so in the output.
{
    crash() {
        if [ "$point" = "$1" ]; then kill -9 $$; fi
    }

    spool=$1 point=$2 tie=$3
    shift 3
    crash spool:locked
    if [ -e "$spool/void" ]; then exit 125; fi
    echo "$$" >"$spool/started" || exit 125
    crash spool:started
    if [ "$tie" != - ]; then
        { read -r _ </dev/fd/"$tie"; kill -s KILL -- "-$$"; } <&- >&- 2>&- &
        tie=$!
    fi

    "$@" "$spool/command" </dev/null 2>&1
    status=$?

    crash spool:ran
    if [ "$status" = 0 ] && [ -e "$spool/killed" ]; then status=143; fi
    echo "$status" 1<>"$spool/exit"
    crash spool:exited
    if [ "$tie" != - ]; then kill "$tie"; fi
    exit 0
}
