import {ENOSYS} from '../include/asm-generic/errno.ts';
import {because, D} from '../include/linux/decisions.ts';
import type {Machine} from '../include/linux/machine.ts';
import type {errno_t} from '../include/linux/types.ts';

/** A system call that is not there. @source kernel/sys_ni.c:sys_ni_syscall() - L */
export function sys_ni_syscall(m: Machine, decision: number = D.syscall_unknown): errno_t {
	return because(m, decision, -ENOSYS);
}
