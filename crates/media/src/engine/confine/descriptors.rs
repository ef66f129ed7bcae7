//! Closes every file that a child inherited beside its three pipes.
//!
//! What this process opens closes by itself on exec, but what its own parent left open does not.
#![expect(unsafe_code, reason = "closing descriptors by number has no safe form")]

/// Closes all descriptors from 3 on. For a process that has opened nothing itself, right after its start.
pub(super) fn close_all_but_standard() {
    // SAFETY: the call takes three numbers and no memory. Nothing in this process owns a descriptor above
    // the standard three, because it has just begun and has only read its arguments.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if answer == 0 {
        return;
    }
    // Kernels before 5.9 close one by one.
    for descriptor in 3..4096 {
        // SAFETY: as above; a number that is not open is refused.
        unsafe { libc::close(descriptor) };
    }
}
