import {_PAGE_NUMA, _PAGE_PROTNONE} from '../arch/x86/pgtable.ts';
import {EACCES, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {pmd_lock_of, pmd_mknuma, pmd_none, pmd_trans_huge, pmd_unlock_of, pte_dirty, pte_mknonnuma, pte_mknuma, pte_mkwrite, pte_modify, pte_numa, pte_offset, pte_present,
	ptep_get, set_pte_bits, table_of} from '../include/asm-generic/pgtable.ts';
import {because, D} from '../include/linux/decisions.ts';
import {down_write, spin_lock, spin_unlock, up_write} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {arch_validate_prot, calc_vm_prot_bits, PROT_GROWSDOWN, PROT_GROWSUP} from '../include/linux/mman.ts';
import {flags_clear, flags_or, flags_test, offset_in_page, page_mapcount, page_to_nid, PAGE_ALIGN, PageKsm, vm_get_page_prot, vma_flags, vma_set_flags, vma_test, VM_ACCOUNT,
	VM_EXEC, VM_GROWSDOWN, VM_HUGETLB, VM_NORESERVE, VM_READ, VM_SHARED, VM_WRITE, wrap} from '../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import {TWO_32, type errno_t, type pfn_t, type ptep_t, type pteval_t, type ulong, type vm_flags_t} from '../include/linux/types.ts';
import {change_huge_pmd, split_huge_page_pmd} from './huge_memory.ts';
import {vm_normal_page, walkPmds} from './memory.ts';
import type {Fixup} from './mlock.ts';
import {find_vma, split_vma, vma_merge, vma_wants_writenotify} from './mmap.ts';

/** May an entry be made to fault for NUMA balancing? PROT_NONE looks as if it were already. */
function takesHint(m: Machine, bits: pteval_t, page: pfn_t): boolean {
	if ((bits & (_PAGE_NUMA | _PAGE_PROTNONE)) !== 0) return false;
	return m.rev.numa_hints_shared_pages ? !PageKsm(m, page) : page_mapcount(m, page) === 1;
}

/**
 * Gives the present entries of a part of a pte table other rights, or with `prot_numa` makes them fault for NUMA balancing. A right to write comes
 * back with the next write fault; a hint ends here.
 *
 * @param dirty_accountable - dirty entries stay writable: their file knows of them already
 * @returns with `prot_numa`, whether all pages are on the same node
 * @source mm/mprotect.c:change_pte_range() - K
 * @model Migration entries would become read-only, but no other task can see one.
 */
function change_pte_range(mm: mm_struct, pmd: ptep_t, addr: ulong, end: ulong, newprot: pteval_t, dirty_accountable: boolean, prot_numa: boolean): boolean {
	const m = mm.machine, young = mm.rev.mprotect_ends_hint_as_used;
	let pte = pte_offset(mm, pmd, addr), last_nid = -1, all_same_node = true;
	const table = table_of(m, pte);
	spin_lock(table);
	for (let at = addr; at < end; at += mm.arch.PAGE_SIZE, pte++) {
		const bits = ptep_get(m, pte);
		if (!pte_present(bits)) continue;
		if (!prot_numa) {
			const changed = pte_modify(young && pte_numa(bits) ? pte_mknonnuma(bits) : bits, newprot);
			set_pte_bits(m, pte, dirty_accountable && pte_dirty(changed) ? pte_mkwrite(changed) : changed);
			continue;
		}
		const page = vm_normal_page(m, pte, bits);
		if (page === 0) continue;
		const this_nid = page_to_nid(m, page);
		if (last_nid === -1) last_nid = this_nid;
		if (last_nid !== this_nid) all_same_node = false;
		if (takesHint(m, bits, page)) set_pte_bits(m, pte, pte_mknuma(bits));
	}
	spin_unlock(table);
	return all_same_node;
}

/** Makes the pmd entry of a table fault for NUMA balancing. @source mm/mprotect.c:change_pmd_protnuma(), Linux 3.10 - K */
function change_pmd_protnuma(mm: mm_struct, pmd: ptep_t): void {
	pmd_lock_of(mm, pmd);
	pmd_mknuma(mm.machine, pmd);
	pmd_unlock_of(mm, pmd);
}

/**
 * Gives the entries of a part of a vma other rights, or makes them fault for NUMA balancing.
 *
 * @source mm/mprotect.c:change_protection(), change_pmd_range() - K
 */
export function change_protection(vma: vm_area_struct, start: ulong, end: ulong, newprot: pteval_t, dirty_accountable: boolean, prot_numa: boolean): void {
	const mm = vma.vm_mm, m = mm.machine;
	walkPmds(mm, start, end, (pmd, addr, next) => {
		if (pmd_none(m, pmd)) return;
		if (pmd_trans_huge(m, pmd)) {
			if (next - addr === mm.arch.PMD_SIZE) return change_huge_pmd(mm, pmd, newprot, prot_numa);
			split_huge_page_pmd(vma, addr, pmd);
		}
		const all_same_node = change_pte_range(mm, pmd, addr, next, newprot, dirty_accountable, prot_numa);
		if (prot_numa && all_same_node && mm.rev.numa_hints_tables) change_pmd_protnuma(mm, pmd);
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
	const merged = vma_merge(mm, fixup.prev, start, end, newflags, vma.anon_vma, vma.vm_file, pgoff, vma.vm_policy), target = merged ?? vma;
	fixup.prev = target;
	if (merged === null) {
		if (start !== vma.vm_start) fixup.error = split_vma(mm, vma, start, true);
		if (fixup.error === 0 && end !== vma.vm_end) fixup.error = split_vma(mm, vma, end, false);
		if (fixup.error !== 0) return;
	}
	vma_set_flags(target, newflags);
	const dirty_accountable = vma_wants_writenotify(target);
	target.vm_page_prot = vm_get_page_prot(mm, dirty_accountable ? flags_clear(newflags, VM_SHARED) : newflags);
	change_protection(target, start, end, target.vm_page_prot, dirty_accountable, false);
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
