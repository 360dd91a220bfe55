import {EACCES, EAGAIN, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP} from '../include/asm-generic/errno.ts';
import {madvise as advices, userfault} from '../include/asm-generic/mman-common.ts';
import {is_swap_pte, pte_to_swp_entry, ptep_get} from '../include/asm-generic/pgtable.ts';
import {notModelled} from '../include/linux/bug.ts';
import {because, D, decide} from '../include/linux/decisions.ts';
import {down_read, down_write, may_interleave, up_read, up_write} from '../include/linux/lockdep.ts';
import {flags_clear, flags_or, linear_page_index, offset_in_page, PAGE_ALIGN, vma_flags, vma_set_flags, vma_test, VM_DONTCOPY, VM_DONTDUMP, VM_HUGETLB,
	VM_LOCKED, VM_NONLINEAR, VM_PFNMAP, VM_RAND_READ, VM_SEQ_READ, VM_SHARED, VM_USERFAULT, VM_WRITE, wrap} from '../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {errno_t, ulong, vm_flags_t} from '../include/linux/types.ts';
import {force_page_cache_readahead} from './filemap.ts';
import {hugepage_madvise} from './huge_memory.ts';
import {ksm_madvise} from './ksm.ts';
import {zap_page_range} from './memory.ts';
import type {Fixup} from './mlock.ts';
import {find_vma, find_vma_prev, split_vma, vma_merge} from './mmap.ts';
import {put_page} from './page_alloc.ts';
import {read_swap_cache_async} from './swap_state.ts';
import {forEachPte} from './vmscan.ts';

const {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_MERGEABLE,
	MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_HWPOISON,
	MADV_SOFT_OFFLINE} = advices;
const {MADV_USERFAULT, MADV_NOUSERFAULT} = userfault;

/**
 * The flags that a vma has once it has got the advice.
 *
 * @returns a negated errno in place of them
 * @source mm/madvise.c:madvise_behavior() - P; 2013-05: L
 */
function advisedFlags(task: task_struct, vma: vm_area_struct, start: ulong, end: ulong, behavior: number): vm_flags_t | errno_t {
	const m = vma.vm_mm.machine, flags = vma_flags(vma);
	switch (behavior) {
		case MADV_NORMAL: return flags_clear(flags, VM_RAND_READ | VM_SEQ_READ);
		case MADV_SEQUENTIAL: return flags_or(flags_clear(flags, VM_RAND_READ), VM_SEQ_READ);
		case MADV_RANDOM: return flags_or(flags_clear(flags, VM_SEQ_READ), VM_RAND_READ);
		case MADV_DONTFORK: return flags_or(flags, VM_DONTCOPY);
		case MADV_DOFORK: return flags_clear(flags, VM_DONTCOPY);
		case MADV_DONTDUMP: return flags_or(flags, VM_DONTDUMP);
		case MADV_DODUMP: return flags_clear(flags, VM_DONTDUMP);
		case MADV_MERGEABLE:
		case MADV_UNMERGEABLE: return ksm_madvise(task, vma, start, end, behavior === MADV_MERGEABLE, flags);
		case MADV_HUGEPAGE:
		case MADV_NOHUGEPAGE: return hugepage_madvise(vma, flags, behavior === MADV_HUGEPAGE);
		case MADV_USERFAULT:
			if (vma.vm_ops !== null) return because(m, D.userfault_not_anonymous, -EINVAL);
			decide(m, D.userfault_on);
			return flags_or(flags, VM_USERFAULT);
		default:
			if (vma.vm_ops !== null) return because(m, D.userfault_not_anonymous, -EINVAL);
			decide(m, D.userfault_off);
			return flags_clear(flags, VM_USERFAULT);
	}
}

/** Advice that is a flag of the vma, after merging or splitting. @source mm/madvise.c:madvise_behavior() - K */
function madvise_behavior(task: task_struct, vma: vm_area_struct, fixup: Fixup, start: ulong, end: ulong, behavior: number): errno_t {
	const mm = vma.vm_mm, new_flags = advisedFlags(task, vma, start, end, behavior);
	if (new_flags < 0) return new_flags === -ENOMEM ? because(mm.machine, D.madvise_nomem, -EAGAIN) : new_flags;
	if (new_flags === vma_flags(vma)) {
		fixup.prev = vma;
		return 0;
	}
	const pgoff = vma.vm_pgoff + (start - vma.vm_start) / mm.arch.PAGE_SIZE;
	const merged = vma_merge(mm, fixup.prev, start, end, new_flags, vma.anon_vma, vma.vm_file, pgoff, vma.vm_policy), target = merged ?? vma;
	fixup.prev = target;
	if (merged === null) {
		let error = 0;
		if (start !== vma.vm_start) error = split_vma(mm, vma, start, true);
		if (error === 0 && end !== vma.vm_end) error = split_vma(mm, vma, end, false);
		if (error !== 0) return because(mm.machine, D.madvise_nomem, error === -ENOMEM ? -EAGAIN : error);
	}
	vma_set_flags(target, new_flags);
	return 0;
}

/**
 * Brings the swapped pages of a range to the swap cache.
 *
 * @source mm/madvise.c:force_swapin_readahead(), swapin_walk_pmd_entry() - K
 */
export function force_swapin_readahead(mm: mm_struct, start: ulong, end: ulong): void {
	const m = mm.machine;
	forEachPte(mm, start, end, (pte, address) => {
		if (!is_swap_pte(ptep_get(m, pte))) return;
		may_interleave('madvise_willneed: page-table lock dropped');
		const page = read_swap_cache_async(m, pte_to_swp_entry(m, pte), find_vma(mm, address));
		if (page !== 0) put_page(m, page);
	});
}

/** @source mm/madvise.c:madvise_dontneed() - K */
function madvise_dontneed(vma: vm_area_struct, start: ulong, end: ulong): errno_t {
	if (vma_test(vma, VM_LOCKED | VM_HUGETLB | VM_PFNMAP)) return because(vma.vm_mm.machine, D.madvise_dontneed_locked, -EINVAL);
	const nonlinear = vma_test(vma, VM_NONLINEAR);
	zap_page_range(vma, start, end - start, nonlinear ? {check_mapping: null, nonlinear_vma: vma, first_index: 0, last_index: Infinity} : null);
	return 0;
}

/** Punches a hole into the file of a shared mapping. @source mm/madvise.c:madvise_remove(); fs/open.c:do_fallocate() - I */
function madvise_remove(vma: vm_area_struct, start: ulong, end: ulong): errno_t {
	const mm = vma.vm_mm, m = mm.machine, of = vma.vm_file, {PAGE_SIZE} = mm.arch;
	if (vma_test(vma, VM_LOCKED | VM_NONLINEAR | VM_HUGETLB)) return because(m, D.madvise_remove_locked, -EINVAL);
	if (of === null) return because(m, D.madvise_remove_no_file, -EINVAL);
	if ((vma.vm_flags & (VM_SHARED | VM_WRITE)) !== (VM_SHARED | VM_WRITE)) return because(m, D.madvise_remove_not_shared, -EACCES);
	if (!of.f_op.regular) return because(m, D.madvise_remove_device, -ENODEV);
	if (of.f_op.punch_hole === null) return because(m, D.madvise_remove_cannot, -EOPNOTSUPP);
	up_read(mm);
	of.f_op.punch_hole(m, of, linear_page_index(vma, start), linear_page_index(vma, start) + (end - start) / PAGE_SIZE);
	down_read(mm);
	return 0;
}

/** @source mm/madvise.c:madvise_willneed() - K */
function madvise_willneed(vma: vm_area_struct, start: ulong, end: ulong): errno_t {
	const mm = vma.vm_mm, of = vma.vm_file;
	if (of === null) force_swapin_readahead(mm, start, end);
	else if (of.f_op.readpage) force_page_cache_readahead(mm.machine, of, linear_page_index(vma, start), (end - start) / mm.arch.PAGE_SIZE);
	return 0;
}

/** @source mm/madvise.c:madvise_vma() - K */
function madvise_vma(task: task_struct, vma: vm_area_struct, fixup: Fixup, start: ulong, end: ulong, behavior: number): errno_t {
	switch (behavior) {
		case MADV_REMOVE:
			fixup.prev = null;
			return madvise_remove(vma, start, end);
		case MADV_WILLNEED:
			fixup.prev = vma;
			return madvise_willneed(vma, start, end);
		case MADV_DONTNEED:
			fixup.prev = vma;
			return madvise_dontneed(vma, start, end);
		default:
			return madvise_behavior(task, vma, fixup, start, end, behavior);
	}
}

/** @source mm/madvise.c:madvise_behavior_valid() - P; 2013-05: L */
function madvise_behavior_valid(mm: mm_struct, behavior: number): boolean {
	switch (behavior) {
		case MADV_MERGEABLE:
		case MADV_UNMERGEABLE:
			return mm.machine.config.ksm;
		case MADV_HUGEPAGE:
		case MADV_NOHUGEPAGE:
			return mm.arch.huge_pages;
		case MADV_DOFORK: case MADV_DONTFORK: case MADV_NORMAL: case MADV_SEQUENTIAL: case MADV_RANDOM: case MADV_REMOVE: case MADV_WILLNEED:
		case MADV_DONTNEED: case MADV_DONTDUMP: case MADV_DODUMP: case MADV_USERFAULT:
		case MADV_NOUSERFAULT:
			return true;
		default:
			return false;
	}
}

/** These only look at the vmas. @source mm/madvise.c:madvise_need_mmap_write() - K */
function madvise_need_mmap_write(behavior: number): boolean {
	return behavior !== MADV_REMOVE && behavior !== MADV_WILLNEED && behavior !== MADV_DONTNEED;
}

/** Gives the advice to every vma of the range; a gap is passed over, and -ENOMEM in the end. */
function do_madvise(task: task_struct, mm: mm_struct, start_: ulong, end: ulong, behavior: number): errno_t {
	const m = mm.machine, found = find_vma_prev(mm, start_);
	let start = start_, unmapped_error = 0, {vma} = found;
	const fixup: Fixup = {error: 0, prev: vma !== null && start > vma.vm_start ? vma : found.prev};
	for (;;) {
		if (vma === null) return because(m, D.madvise_hole, -ENOMEM);
		if (start < vma.vm_start) {
			unmapped_error = -ENOMEM;
			start = vma.vm_start;
			if (start >= end) return because(m, D.madvise_hole, -ENOMEM);
		}
		const tmp = Math.min(vma.vm_end, end), error = madvise_vma(task, vma, fixup, start, tmp, behavior);
		if (error !== 0) return error;
		start = fixup.prev === null ? tmp : Math.max(tmp, fixup.prev.vm_end);
		if (start >= end) return unmapped_error === 0 ? 0 : because(m, D.madvise_hole, unmapped_error);
		vma = fixup.prev === null ? find_vma_prev(mm, start).vma : fixup.prev.vm_next;
	}
}

/**
 * @param behavior - an int
 * @source mm/madvise.c:madvise() - K
 * @model MADV_HWPOISON and MADV_SOFT_OFFLINE take pages out of use, which is not modelled.
 */
export function sys_madvise(task: task_struct, mm: mm_struct, start: ulong, len_in: ulong, behavior: number): errno_t {
	const m = mm.machine;
	if (behavior === MADV_HWPOISON || behavior === MADV_SOFT_OFFLINE) return notModelled('memory failure');
	if (!madvise_behavior_valid(mm, behavior)) return because(m, D.madvise_unknown, -EINVAL);
	if (offset_in_page(mm, start)) return because(m, D.madvise_unaligned, -EINVAL);
	const len = PAGE_ALIGN(mm, len_in);
	if (len_in !== 0 && len === 0) return because(m, D.madvise_len_overflows, -EINVAL);
	const end = wrap(mm, start + len);
	if (end < start) return because(m, D.madvise_wraps, -EINVAL);
	if (end === start) return 0;
	const write = madvise_need_mmap_write(behavior);
	if (write) down_write(mm);
	else down_read(mm);
	const error = do_madvise(task, mm, start, end, behavior);
	if (write) up_write(mm);
	else up_read(mm);
	return error;
}
