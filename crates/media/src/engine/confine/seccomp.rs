//! seccomp filters: which system calls a child may make.
//!
//! The decoder gets a list of what is allowed, and dies by anything else. ffmpeg loads libraries and starts
//! threads in ways that differ from version to version, so it gets a list of what is refused.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Installs a filter on this thread and all that it starts; sets "no new privileges" with it.
pub(super) fn enforce(filter: &BpfProgram) -> Result<(), String> {
    apply_filter(filter).map_err(|why| format!("this kernel refuses seccomp: {why}"))
}

/// Reading standard input, writing standard output and error, memory that is not code, and the exit.
pub(super) fn for_decoding() -> Result<BpfProgram, String> {
    let mut rules: Rules = [
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigreturn,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    rules.insert(libc::SYS_read, vec![when(0, Is::Eq, 0)?]);
    rules.insert(libc::SYS_write, vec![when(0, Is::Eq, 1)?, when(0, Is::Eq, 2)?]);
    let without_code = || when(2, Is::MaskedEq(number(libc::PROT_EXEC)), 0);
    rules.insert(libc::SYS_mmap, vec![without_code()?]);
    rules.insert(libc::SYS_mprotect, vec![without_code()?]);
    compile(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

/// Everything but the network, other processes, and the kernel's back doors.
pub(super) fn for_running() -> Result<[BpfProgram; 2], String> {
    let mut refused: Rules = REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    // Threads are needed, processes and namespaces are not.
    refused.insert(libc::SYS_clone, vec![when(0, Is::MaskedEq(number(libc::CLONE_THREAD)), 0)?]);
    // Aborting signals the process itself.
    refused.insert(libc::SYS_tgkill, vec![when(0, Is::Ne, u64::from(std::process::id()))?]);
    // Its flags lie in memory, where no filter can look; the C library then takes the older call.
    let newer: Rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let mut first = compile(refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM.unsigned_abs()))?;
    guard_other_numbers(&mut first);
    Ok([first, compile(newer, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()))?])
}

const REFUSED: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    // Rings carry out calls that no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_setpriority,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_personality,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Landlock does not look at these: they change a file without opening it.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// Answers calls that are newer than this list as an older kernel would, and with them the second number by
/// which some x86-64 kernels know every call.
fn guard_other_numbers(filter: &mut BpfProgram) {
    /// The numbers from 424 on are the same on every processor; the last one weighed here is `set_mempolicy_home_node`.
    const FIRST_UNKNOWN: u32 = 451;
    const LOAD_CALL_NUMBER: sock_filter = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    const SKIP_ONE_IF_BELOW: sock_filter = sock_filter { code: 0x35, jt: 0, jf: 1, k: FIRST_UNKNOWN };
    let answer = u32::from(SeccompAction::Errno(libc::ENOSYS.unsigned_abs()));
    let refuse = sock_filter { code: 0x06, jt: 0, jf: 0, k: answer };
    filter.splice(0..0, [LOAD_CALL_NUMBER, SKIP_ONE_IF_BELOW, refuse]);
}

fn compile(rules: Rules, otherwise: SeccompAction, then: SeccompAction) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| format!("there is no seccomp filter for {}", std::env::consts::ARCH))?;
    SeccompFilter::new(rules, otherwise, then, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|why| format!("the seccomp filter is wrong: {why}"))
}

fn when(argument: u8, is: Is, value: u64) -> Result<SeccompRule, String> {
    SeccompCondition::new(argument, Width::Dword, is, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|why| format!("the seccomp rule is wrong: {why}"))
}

fn number(flag: libc::c_int) -> u64 {
    u64::from(flag.unsigned_abs())
}
