import {EAGAIN, EFAULT, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {pmd_trans_huge, pmd_walk} from '../include/asm-generic/pgtable.ts';
import {because, D} from '../include/linux/decisions.ts';
import {assert_mmap_sem, assert_page_locked, down_read, down_write, lock_page, may_interleave, unlock_page, up_read,
	up_write} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {MCL_CURRENT, MCL_FUTURE} from '../include/linux/mman.ts';
import {FOLL_DUMP, FOLL_FORCE, FOLL_GET, FOLL_MLOCK, FOLL_TOUCH, FOLL_WRITE, flags_clear, flags_or, flags_test, get_page,
	page_down, page_mapcount, PageMlocked, PageTransHuge, PG_mlocked, vma_flags, vma_set_flags, vma_test, VM_EXEC, VM_IO, VM_LOCKED, VM_PFNMAP, VM_READ,
	VM_SHARED, VM_SPECIAL, VM_WRITE, wrap} from '../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {errno_t, pfn_t, ulong, vm_flags_t} from '../include/linux/types.ts';
import {haddrOf} from './huge_memory.ts';
import {__get_user_pages, follow_page} from './memory.ts';
import {find_vma, split_vma, vma_merge} from './mmap.ts';
import {put_page} from './page_alloc.ts';
import {try_to_munlock} from './rmap.ts';

/** The last mapping of a mlocked page is gone. @source mm/mlock.c:clear_page_mlock() - K */
export function clear_page_mlock(m: Machine, page: pfn_t): void {
	m.mem_map.flags[page]! &= ~PG_mlocked;
}

/** Marks a page as mlocked. @param page - locked @source mm/mlock.c:mlock_vma_page() - K */
export function mlock_vma_page(m: Machine, page: pfn_t): void {
	assert_page_locked(page);
	m.mem_map.flags[page]! |= PG_mlocked;
}

/**
 * Takes the mark off a page, unless another mlocked vma maps it.
 *
 * @param page - locked
 * @source mm/mlock.c:munlock_vma_page() - K: other vmas are looked at only where it is mapped more than once
 */
export function munlock_vma_page(m: Machine, page: pfn_t): void {
	assert_page_locked(page);
	if (!PageMlocked(m, page)) return;
	clear_page_mlock(m, page);
	if (page_mapcount(m, page) > 1) try_to_munlock(m, page);
}

/**
 * Faults in the pages of a part of a vma, with a write where a write would copy.
 *
 * @returns how many pages; the error of the first
 * @source mm/mlock.c:__mlock_vma_pages_range() - K
 */
export function __mlock_vma_pages_range(task: task_struct, vma: vm_area_struct, start: ulong, end: ulong): number {
	const mm = vma.vm_mm;
	assert_mmap_sem(mm);
	let gup_flags = FOLL_TOUCH | FOLL_MLOCK;
	if ((vma.vm_flags & (VM_WRITE | VM_SHARED)) === VM_WRITE) gup_flags |= FOLL_WRITE;
	if (vma_test(vma, VM_READ | VM_WRITE | VM_EXEC)) gup_flags |= FOLL_FORCE;
	return __get_user_pages(task, mm, start, (end - start) / mm.arch.PAGE_SIZE, gup_flags);
}

/** @source mm/mlock.c:munlock_vma_pages_range() - K */
export function munlock_vma_pages_range(vma: vm_area_struct, start: ulong, end: ulong): void {
	const mm = vma.vm_mm, m = mm.machine;
	vma_set_flags(vma, flags_clear(vma_flags(vma), VM_LOCKED));
	for (let at = start; at < end; at += mm.arch.PAGE_SIZE) {
		const found = follow_page(mm, vma, at, FOLL_GET | FOLL_DUMP);
		if (found <= 0) continue;
		const page = headOf(mm, at, found);
		get_page(m, page);
		lock_page(page);
		munlock_vma_page(m, page);
		unlock_page(page);
		put_page(m, page);
		// a huge page is done in one go
		if (PageTransHuge(m, page)) at = haddrOf(mm, at) + mm.arch.PMD_SIZE - mm.arch.PAGE_SIZE;
	}
}

/** The page that a part of a huge page belongs to; any other page itself. */
function headOf(mm: mm_struct, address: ulong, page: pfn_t): pfn_t {
	const head = page - (address - haddrOf(mm, address)) / mm.arch.PAGE_SIZE, pmd = pmd_walk(mm, address);
	return pmd_trans_huge(mm.machine, pmd) ? head : page;
}

/** @source mm/internal.h:munlock_vma_pages_all() - K */
export function munlock_vma_pages_all(vma: vm_area_struct): void {
	munlock_vma_pages_range(vma, vma.vm_start, vma.vm_end);
}

/** The vma that stands at the place when a *_fixup() is done, and its error. */
export interface Fixup {
	error: errno_t;
	/** `*prev` of the kernel. */
	prev: vm_area_struct | null;
}

/**
 * Sets or clears VM_LOCKED of a part of a vma, after merging or splitting.
 *
 * @source mm/mlock.c:mlock_fixup() - K
 */
function mlock_fixup(vma: vm_area_struct, fixup: Fixup, start: ulong, end: ulong, newflags: vm_flags_t): void {
	const mm = vma.vm_mm, {PAGE_SIZE} = mm.arch;
	fixup.error = 0;
	if (newflags === vma_flags(vma) || vma_test(vma, VM_SPECIAL)) {
		fixup.prev = vma;
		return;
	}
	const pgoff = vma.vm_pgoff + (start - vma.vm_start) / PAGE_SIZE;
	const merged = vma_merge(mm, fixup.prev, start, end, newflags, vma.anon_vma, vma.vm_file, pgoff, vma.vm_policy);
	const target = merged ?? vma;
	fixup.prev = target;
	if (merged === null) {
		if (start !== vma.vm_start) fixup.error = split_vma(mm, vma, start, true);
		if (fixup.error === 0 && end !== vma.vm_end) fixup.error = split_vma(mm, vma, end, false);
		if (fixup.error !== 0) return;
	}
	const lock = flags_test(newflags, VM_LOCKED), pages = (end - start) / PAGE_SIZE;
	mm.locked_vm += lock ? pages : -pages;
	if (lock) vma_set_flags(target, newflags);
	else munlock_vma_pages_range(target, start, end);
}

/**
 * Sets or clears VM_LOCKED of the vmas of a range, up to the first gap.
 *
 * @returns 0; -EINVAL, -ENOMEM, with what came before the gap done
 * @source mm/mlock.c:do_mlock() - K
 */
function do_mlock(mm: mm_struct, start: ulong, len: ulong, on: boolean): errno_t {
	const m = mm.machine, end = wrap(mm, start + len);
	if (end < start) return because(m, D.mlock_wraps, -EINVAL);
	if (end === start) return 0;
	let vma = find_vma(mm, start);
	if (vma === null || vma.vm_start > start) return because(m, D.mlock_no_vma, -ENOMEM);
	const fixup: Fixup = {error: 0, prev: start > vma.vm_start ? vma : vma.vm_prev};
	for (let nstart = start; ;) {
		const plain = flags_clear(vma_flags(vma), VM_LOCKED), tmp = Math.min(vma.vm_end, end);
		mlock_fixup(vma, fixup, nstart, tmp, on ? flags_or(plain, VM_LOCKED) : plain);
		if (fixup.error !== 0) return fixup.error;
		nstart = Math.max(tmp, fixup.prev!.vm_end);
		if (nstart >= end) return 0;
		vma = fixup.prev!.vm_next;
		if (vma === null || vma.vm_start !== nstart) return because(m, D.mlock_hole, -ENOMEM);
	}
}

/** What mlock says when a page could not be faulted in. */
function __mlock_posix_error_return(m: Machine, error: errno_t): errno_t {
	return because(m, D.mlock_not_populated, error === -EFAULT ? -ENOMEM : error === -ENOMEM ? -EAGAIN : error);
}

/**
 * Faults in the pages of a range, vma by vma.
 *
 * @returns 0; -ENOMEM, -EAGAIN, with the pages before there
 * @source mm/mlock.c:__mm_populate() - K
 */
export function __mm_populate(task: task_struct, mm: mm_struct, start: ulong, len: ulong, ignore_errors: boolean): errno_t {
	const end = start + len, {PAGE_SIZE} = mm.arch;
	down_read(mm);
	let vma = find_vma(mm, start), ret = 0;
	for (let nstart = start; nstart < end;) {
		if (vma !== null && nstart >= vma.vm_end) vma = vma.vm_next;
		if (vma === null || vma.vm_start >= end) break;
		const nend = Math.min(end, vma.vm_end);
		if (vma_test(vma, VM_IO | VM_PFNMAP)) {
			nstart = nend;
			continue;
		}
		nstart = Math.max(nstart, vma.vm_start);
		const pages = __mlock_vma_pages_range(task, vma, nstart, nend);
		if (pages >= 0) {
			nstart += pages * PAGE_SIZE;
		} else if (ignore_errors) {
			nstart = nend;
		} else {
			ret = __mlock_posix_error_return(mm.machine, pages);
			break;
		}
	}
	up_read(mm);
	return ret;
}

/** @source include/linux/mm.h:mm_populate() - K */
export function mm_populate(task: task_struct, mm: mm_struct, start: ulong, len: ulong): void {
	__mm_populate(task, mm, start, len, true);
}

/** @param length - from the page of `start`, in whole pages @source mm/mlock.c:mlock() - K */
export function sys_mlock(task: task_struct, mm: mm_struct, start: ulong, length: ulong): errno_t {
	const first = page_down(mm, start);
	down_write(mm);
	const error = do_mlock(mm, first, length, true);
	up_write(mm);
	if (error !== 0) return error;
	may_interleave('mlock: mmap_sem dropped before the pages come');
	return __mm_populate(task, mm, first, length, false);
}

/** @param length - from the page of `start`, in whole pages @source mm/mlock.c:munlock() - K */
export function sys_munlock(mm: mm_struct, start: ulong, length: ulong): errno_t {
	down_write(mm);
	const error = do_mlock(mm, page_down(mm, start), length, false);
	up_write(mm);
	return error;
}

/** Errors are passed over: what cannot be locked stays as it is. @source mm/mlock.c:do_mlockall() - K */
function do_mlockall(mm: mm_struct, flags: number): void {
	mm.def_flags = (flags & MCL_FUTURE) !== 0 ? VM_LOCKED : 0;
	if (flags === MCL_FUTURE) return;
	const fixup: Fixup = {error: 0, prev: null};
	for (let vma = mm.mmap; vma !== null; vma = fixup.prev!.vm_next) {
		const plain = flags_clear(vma_flags(vma), VM_LOCKED);
		mlock_fixup(vma, fixup, vma.vm_start, vma.vm_end, (flags & MCL_CURRENT) !== 0 ? flags_or(plain, VM_LOCKED) : plain);
	}
}

/** @param flags - an int @source mm/mlock.c:mlockall() - K */
export function sys_mlockall(task: task_struct, mm: mm_struct, flags: number): errno_t {
	if (flags === 0 || (flags & ~(MCL_CURRENT | MCL_FUTURE)) !== 0) return because(mm.machine, D.mlockall_bad_flags, -EINVAL);
	down_write(mm);
	do_mlockall(mm, flags);
	up_write(mm);
	if ((flags & MCL_CURRENT) !== 0) mm_populate(task, mm, 0, mm.arch.TASK_SIZE);
	return 0;
}

/** @source mm/mlock.c:munlockall() - K */
export function sys_munlockall(mm: mm_struct): errno_t {
	down_write(mm);
	do_mlockall(mm, 0);
	up_write(mm);
	return 0;
}
