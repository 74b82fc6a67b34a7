"""The fields beside Falco's: none is missing, and the page says of each how it compares."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost.rules.unreachable import never_fires
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.compared import DIFFERS, OWN
from falcohost_syscall.fields.rows import FIELDS

ROOT = Path(__file__).parents[4]
NAMES = frozenset(field.name for field in (*GENERIC_FIELDS, *FIELDS))
_FALCO = """
evt.abspath evt.arg evt.args evt.around evt.asynctype evt.buffer evt.buflen evt.category evt.count
evt.count.error evt.count.error.file evt.count.error.memory evt.count.error.net evt.count.error.other
evt.count.exit evt.cpu evt.datetime evt.datetime.s evt.deltatime evt.deltatime.ns evt.deltatime.s evt.dir
evt.failed evt.hostname evt.info evt.io_dir evt.is_async evt.is_io evt.is_io_read evt.is_io_write
evt.is_open_create evt.is_open_exec evt.is_open_read evt.is_open_write evt.is_syslog evt.is_wait evt.latency
evt.latency.human evt.latency.ns evt.latency.s evt.num evt.outputtime evt.plugininfo evt.pluginname evt.rawarg
evt.rawres evt.rawtime evt.rawtime.ns evt.rawtime.s evt.reltime evt.reltime.ns evt.reltime.s evt.res evt.source
evt.time evt.time.iso8601 evt.time.s evt.type evt.type.is evt.wait_latency fd.cip fd.cip.name fd.cnet
fd.connected fd.containerdirectory fd.containername fd.cport fd.cproto fd.dev fd.dev.major fd.dev.minor
fd.directory fd.filename fd.ino fd.ip fd.is_lower_layer fd.is_server fd.is_upper_layer fd.l4proto fd.lip
fd.lip.name fd.lnet fd.lport fd.lproto fd.name fd.name_changed fd.nameraw fd.net fd.num fd.port fd.proto fd.rip
fd.rip.name fd.rnet fd.rport fd.rproto fd.sip fd.sip.name fd.snet fd.sockfamily fd.sport fd.sproto fd.type
fd.typechar fd.types fd.uid fdlist.cips fdlist.cports fdlist.names fdlist.nums fdlist.sips fdlist.sports
fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw fs.path.target fs.path.targetraw group.gid
group.name proc.aargs proc.acmdline proc.aenv proc.aexe proc.aexepath proc.aname proc.apid proc.args
proc.cmdlenargs proc.cmdline proc.cmdnargs proc.cwd proc.duration proc.env proc.exe proc.exe_ino
proc.exe_ino.ctime proc.exe_ino.ctime_duration_pidns_start proc.exe_ino.ctime_duration_proc_start
proc.exe_ino.mtime proc.exeline proc.exepath proc.fdlimit proc.fdopencount proc.fdusage proc.is_exe_from_memfd
proc.is_exe_lower_layer proc.is_exe_upper_layer proc.is_exe_writable proc.is_pgid_leader proc.is_sid_leader
proc.is_vpgid_leader proc.loginshellid proc.name proc.nchilds proc.nthreads proc.pcmdline proc.pexe
proc.pexepath proc.pgid proc.pgid.exe proc.pgid.exepath proc.pgid.name proc.pid proc.pid.ts
proc.pidns_init_start_ts proc.pname proc.ppid proc.ppid.duration proc.ppid.ts proc.pvpid proc.sid proc.sid.exe
proc.sid.exepath proc.sname proc.stderr.name proc.stderr.type proc.stdin.name proc.stdin.type proc.stdout.name
proc.stdout.type proc.tty proc.vmrss proc.vmsize proc.vmswap proc.vpgid proc.vpgid.exe proc.vpgid.exepath
proc.vpgid.name proc.vpid syscall.type thread.cap_effective thread.cap_inheritable thread.cap_permitted
thread.cgroup thread.cgroups thread.cpu thread.cpu.system thread.cpu.user thread.exectime thread.ismain
thread.pfmajor thread.pfminor thread.tid thread.totexectime thread.vmrss thread.vmsize thread.vtid user.homedir
user.loginname user.loginuid user.name user.shell user.uid
"""
#: The fields that Falco 0.44 (libs 0.25) lists, without those of containers, which come from a plugin there.
FALCO = frozenset(_FALCO.split())


def test_every_field_of_falco_is_there():
    """A rule may name each field that Falco lists; what Falco does not have is marked as falcohost's own."""
    others = {name for name in NAMES if not name.startswith(("container.", "k8s.", "k8smeta.", "proc.is_container_"))}

    assert set() == FALCO - NAMES
    assert OWN == others - FALCO
    assert set() == DIFFERS.keys() - NAMES


def test_the_page_is_up_to_date():
    """docs/falco-compatibility.md is what script/docs writes."""
    path = ROOT / "docs" / "falco_page.py"
    spec = importlib.util.spec_from_file_location("falco_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.page() == module.PAGE.read_text(), "run script/docs"


def test_absent_fields_have_no_value(one, get):
    """What is said to be absent in every event has no value, and says so."""
    absent = [field for field in FIELDS if field.absent]

    assert absent
    assert [] == [field.name for field in absent if not field.description.startswith("Always absent: ")]
    assert {None} == {field.get(None, None) for field in absent}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("evt.type = openat and container.healthcheck = x", "container.healthcheck is absent in every event"),
        ("evt.type in (drop, procinfo)", "no event has the type drop or procinfo"),
        ("evt.type in (switch, page_fault, signaldeliver, fchmodat2, drop)", ""),
        ("evt.type = poll and fdlist.names contains x and proc.vmrss > 1", ""),
    ],
)
def test_rules_that_can_never_fire(condition, expected):
    """A rule that no event of this source can match is found when it is loaded."""
    expr = check(parse(condition), Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))).expr

    assert expected == never_fires(expr, event_types(expr, frozenset(BY_NAME)), frozenset(BY_NAME))
