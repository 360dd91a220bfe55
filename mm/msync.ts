import {EBUSY, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {because, D} from '../include/linux/decisions.ts';
import {down_read, up_read} from '../include/linux/lockdep.ts';
import {MS_ASYNC, MS_INVALIDATE, MS_SYNC} from '../include/linux/mman.ts';
import {offset_in_page, PAGE_ALIGN, vma_test, VM_LOCKED, VM_SHARED, wrap} from '../include/linux/mm.ts';
import type {mm_struct} from '../include/linux/mm_types.ts';
import type {errno_t, ulong} from '../include/linux/types.ts';
import {find_vma} from './mmap.ts';

function do_msync(mm: mm_struct, start_: ulong, end: ulong, flags: number): errno_t {
	const m = mm.machine;
	let start = start_, unmapped_error = 0;
	for (let vma = find_vma(mm, start); ; vma = vma.vm_next) {
		if (vma === null) return because(m, D.msync_hole, -ENOMEM);
		if (start < vma.vm_start) {
			start = vma.vm_start;
			if (start >= end) return because(m, D.msync_hole, -ENOMEM);
			unmapped_error = because(m, D.msync_hole, -ENOMEM);
		}
		if ((flags & MS_INVALIDATE) !== 0 && vma_test(vma, VM_LOCKED)) return because(m, D.msync_locked, -EBUSY);
		const synced = (flags & MS_SYNC) !== 0 && vma.vm_file !== null && vma_test(vma, VM_SHARED);
		if (synced && !vma.vm_file!.f_op.fsync) return because(m, D.msync_device, -EINVAL);
		start = vma.vm_end;
		if (start >= end) return unmapped_error;
	}
}

/**
 * @param flags - an int
 * @returns 0; -EINVAL, -ENOMEM, -EBUSY
 * @source mm/msync.c:msync() - I
 * @model Nothing is written: the files of a trace live in memory.
 */
export function sys_msync(mm: mm_struct, start: ulong, len_: ulong, flags: number): errno_t {
	const m = mm.machine;
	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return because(m, D.msync_bad_flags, -EINVAL);
	if (offset_in_page(mm, start)) return because(m, D.msync_unaligned, -EINVAL);
	if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return because(m, D.msync_bad_flags, -EINVAL);
	const end = wrap(mm, start + PAGE_ALIGN(mm, len_));
	if (end < start) return because(m, D.msync_wraps, -ENOMEM);
	if (end === start) return 0;
	down_read(mm);
	const error = do_msync(mm, start, end, flags);
	up_read(mm);
	return error;
}
