# Other starts of falcohost beside the agent.
# daily

$FALCOHOST --version >/dev/null
$FALCOHOST -o engine.kind=nodriver --dry-run >/dev/null 2>&1
timeout -s TERM 15 $FALCOHOST -o engine.kind=nodriver -o falcohost.state_dir=$HERE/state -M 5 >/dev/null 2>&1
$FALCOHOST rules lint >/dev/null 2>&1
$FALCOHOST doctor -o engine.kind=nodriver >/dev/null 2>&1
true
