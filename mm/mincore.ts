import {EAGAIN, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {because, D} from '../include/linux/decisions.ts';
import {down_read, up_read} from '../include/linux/lockdep.ts';
import {FAIL_PAGE} from '../include/linux/machine.ts';
import {offset_in_page} from '../include/linux/mm.ts';
import type {mm_struct} from '../include/linux/mm_types.ts';
import type {errno_t, ulong} from '../include/linux/types.ts';
import {find_vma} from './mmap.ts';
import {shouldFail} from './page_alloc.ts';

/**
 * Looks at one vma's part of the range.
 *
 * @returns how many pages it had; -ENOMEM
 * @source mm/mincore.c:do_mincore() - K
 * @model The vector is an observation and left out, so no entry is looked at.
 */
function do_mincore(mm: mm_struct, addr: ulong, pages: number): number {
	const vma = find_vma(mm, addr);
	if (vma === null || addr < vma.vm_start) return because(mm.machine, D.mincore_hole, -ENOMEM);
	return Math.min((vma.vm_end - addr) / mm.arch.PAGE_SIZE, pages);
}

/** @returns 0; -EINVAL, -ENOMEM, -EAGAIN @source mm/mincore.c:mincore() - K */
export function sys_mincore(mm: mm_struct, start: ulong, len: ulong): errno_t {
	const m = mm.machine, {PAGE_SIZE, TASK_SIZE} = mm.arch;
	if (offset_in_page(mm, start)) return because(m, D.mincore_unaligned, -EINVAL);
	// access_ok()
	if (start + len > TASK_SIZE) return because(m, D.mincore_not_user, -ENOMEM);
	if (shouldFail(m, FAIL_PAGE)) return because(m, D.mincore_nomem, -EAGAIN);
	let at = start;
	for (let pages = Math.ceil(len / PAGE_SIZE); pages > 0;) {
		down_read(mm);
		const done = do_mincore(mm, at, Math.min(pages, PAGE_SIZE));
		up_read(mm);
		if (done < 0) return done;
		pages -= done;
		at += done * PAGE_SIZE;
	}
	return 0;
}
