import {EACCES, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {pmd_none, pmd_trans_huge, pte_dirty, pte_mkwrite, pte_modify, pte_offset, pte_present, ptep_get, set_pte_bits, table_of} from '../include/asm-generic/pgtable.ts';
import {because, D} from '../include/linux/decisions.ts';
import {down_write, spin_lock, spin_unlock, up_write} from '../include/linux/lockdep.ts';
import {arch_validate_prot, calc_vm_prot_bits, PROT_GROWSDOWN, PROT_GROWSUP} from '../include/linux/mman.ts';
import {flags_clear, flags_or, flags_test, offset_in_page, PAGE_ALIGN, vm_get_page_prot, vma_flags, vma_set_flags, vma_test, VM_ACCOUNT,
	VM_EXEC, VM_GROWSDOWN, VM_HUGETLB, VM_NORESERVE, VM_READ, VM_SHARED, VM_WRITE, wrap} from '../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import {TWO_32, type errno_t, type ptep_t, type pteval_t, type ulong, type vm_flags_t} from '../include/linux/types.ts';
import {change_huge_pmd, split_huge_page_pmd} from './huge_memory.ts';
import {walkPmds} from './memory.ts';
import type {Fixup} from './mlock.ts';
import {find_vma, split_vma, vma_merge, vma_wants_writenotify} from './mmap.ts';

/**
 * Gives the present entries of a part of a pte table other rights. A right to write comes back with the next write fault.
 *
 * @param dirty_accountable - dirty entries stay writable: their file knows of them already
 * @source mm/mprotect.c:change_pte_range() - K
 * @model NUMA hints and migration entries come with their issue.
 */
function change_pte_range(mm: mm_struct, pmd: ptep_t, addr: ulong, end: ulong, newprot: pteval_t, dirty_accountable: boolean): void {
	const m = mm.machine;
	let pte = pte_offset(mm, pmd, addr);
	const table = table_of(m, pte);
	spin_lock(table);
	for (let at = addr; at < end; at += mm.arch.PAGE_SIZE, pte++) {
		const bits = ptep_get(m, pte);
		if (!pte_present(bits)) continue;
		const changed = pte_modify(bits, newprot);
		set_pte_bits(m, pte, dirty_accountable && pte_dirty(changed) ? pte_mkwrite(changed) : changed);
	}
	spin_unlock(table);
}

/** @source mm/mprotect.c:change_protection() - K */
function change_protection(vma: vm_area_struct, start: ulong, end: ulong, newprot: pteval_t, dirty_accountable: boolean): void {
	const mm = vma.vm_mm, m = mm.machine;
	walkPmds(mm, start, end, (pmd, addr, next) => {
		if (pmd_none(m, pmd)) return;
		if (pmd_trans_huge(m, pmd)) {
			if (next - addr === mm.arch.PMD_SIZE) return change_huge_pmd(mm, pmd, newprot);
			split_huge_page_pmd(vma, addr, pmd);
		}
		change_pte_range(mm, pmd, addr, next, newprot, dirty_accountable);
	});
}

/**
 * Gives a part of a vma other rights, after merging or splitting.
 *
 * What becomes writable is accounted, and stays so when the right goes again.
 *
 * @source mm/mprotect.c:mprotect_fixup() - K
 */
function mprotect_fixup(vma: vm_area_struct, fixup: Fixup, start: ulong, end: ulong, flags: vm_flags_t): void {
	const mm = vma.vm_mm, oldflags = vma_flags(vma);
	fixup.error = 0;
	if (flags === oldflags) {
		fixup.prev = vma;
		return;
	}
	const charge = flags_test(flags, VM_WRITE) && !flags_test(oldflags, VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE);
	const newflags = charge ? flags_or(flags, VM_ACCOUNT) : flags;
	const pgoff = vma.vm_pgoff + (start - vma.vm_start) / mm.arch.PAGE_SIZE;
	const merged = vma_merge(mm, fixup.prev, start, end, newflags, vma.anon_vma, vma.vm_file, pgoff), target = merged ?? vma;
	fixup.prev = target;
	if (merged === null) {
		if (start !== vma.vm_start) fixup.error = split_vma(mm, vma, start, true);
		if (fixup.error === 0 && end !== vma.vm_end) fixup.error = split_vma(mm, vma, end, false);
		if (fixup.error !== 0) return;
	}
	vma_set_flags(target, newflags);
	const dirty_accountable = vma_wants_writenotify(target);
	target.vm_page_prot = vm_get_page_prot(mm, dirty_accountable ? flags_clear(newflags, VM_SHARED) : newflags);
	change_protection(target, start, end, target.vm_page_prot, dirty_accountable);
}

/** Where mprotect begins, and what is before it. */
interface Begin extends Fixup {
	vma: vm_area_struct;
	start: ulong;
	end: ulong;
}

/**
 * Finds the vma where mprotect begins: PROT_GROWSDOWN reaches down to the start of a stack.
 *
 * @returns -ENOMEM, -EINVAL in place of it
 */
function begin(mm: mm_struct, start: ulong, end: ulong, grows: number): Begin | errno_t {
	const m = mm.machine, vma = find_vma(mm, start);
	if (vma === null) return because(m, D.mprotect_no_vma, -ENOMEM);
	let from = start;
	if ((grows & PROT_GROWSDOWN) !== 0) {
		if (vma.vm_start >= end) return because(m, D.mprotect_no_vma, -ENOMEM);
		from = vma.vm_start;
		if (!vma_test(vma, VM_GROWSDOWN)) return because(m, D.mprotect_not_growsdown, -EINVAL);
	} else {
		if (vma.vm_start > start) return because(m, D.mprotect_no_vma, -ENOMEM);
		if ((grows & PROT_GROWSUP) !== 0) return because(m, D.mprotect_not_growsup, -EINVAL);
	}
	return {error: 0, prev: from > vma.vm_start ? vma : vma.vm_prev, vma, start: from, end};
}

function do_mprotect(mm: mm_struct, start_: ulong, end_: ulong, prot: number, grows: number): errno_t {
	const m = mm.machine, first = begin(mm, start_, end_, grows);
	if (typeof first === 'number') return first;
	const {start, end} = first, rights = VM_READ | VM_WRITE | VM_EXEC;
	let vma: vm_area_struct | null = first.vma;
	for (let nstart = start; ;) {
		const newflags = flags_or(flags_clear(vma_flags(vma), rights), calc_vm_prot_bits(prot));
		if ((newflags & ~(newflags >> 4) & rights) !== 0) return because(m, D.mprotect_may_not, -EACCES);
		const tmp = Math.min(vma.vm_end, end);
		mprotect_fixup(vma, first, nstart, tmp, newflags);
		if (first.error !== 0) return first.error;
		nstart = Math.max(tmp, first.prev!.vm_end);
		if (nstart >= end) return 0;
		vma = first.prev!.vm_next;
		if (vma === null || vma.vm_start !== nstart) return because(m, D.mprotect_hole, -ENOMEM);
	}
}

/**
 * @param prot_ - all 64 bits
 * @source mm/mprotect.c:mprotect() - K
 */
export function sys_mprotect(mm: mm_struct, start: ulong, len_: ulong, prot_: ulong): errno_t {
	const m = mm.machine, grows = prot_ & (PROT_GROWSDOWN | PROT_GROWSUP);
	// without the two bits; above 2^32 there is something that arch_validate_prot refuses
	const prot = prot_ >= TWO_32 ? prot_ : prot_ - grows;
	if (grows === (PROT_GROWSDOWN | PROT_GROWSUP)) return because(m, D.mprotect_both_grows, -EINVAL);
	if (offset_in_page(mm, start)) return because(m, D.mprotect_unaligned, -EINVAL);
	if (len_ === 0) return 0;
	const end = wrap(mm, start + PAGE_ALIGN(mm, len_));
	if (end <= start) return because(m, D.mprotect_wraps, -ENOMEM);
	if (!arch_validate_prot(mm, prot)) return because(m, D.mprotect_bad_prot, -EINVAL);
	down_write(mm);
	const error = do_mprotect(mm, start, end, prot, grows);
	up_write(mm);
	return error;
}
