import {_PAGE_CHG_MASK, _PAGE_NUMA, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_SOFT_DIRTY} from '../arch/x86/pgtable.ts';
import {EAGAIN, EFAULT, EINVAL, ENOMEM} from '../include/asm-generic/errno.ts';
import {pmd_lock_nested_of, pmd_lock_of, pmd_none, pmd_populate, pmd_trans_huge, pmd_unlock_of, pmd_walk, pte_clear, pte_mkdirty, pte_mkold, pte_mkspecial,
	pte_mknonnuma, pte_mknuma, pte_mkyoung, pte_none, pte_numa, pte_offset, pte_pfn, pte_present, pte_same, pte_write, pte_wrprotect, pte_young, ptep_get, set_pte_at, set_pte_bits,
	table_of} from '../include/asm-generic/pgtable.ts';
import {BUG, modelBug} from '../include/linux/bug.ts';
import {because, D, decide} from '../include/linux/decisions.ts';
import {transparent_hugepage_enabled} from '../include/linux/huge_mm.ts';
import {anon_vma_lock_write, anon_vma_unlock_read, anon_vma_unlock_write, down_write, lock_page, may_interleave, spin_lock, spin_unlock, trylock_page, unlock_page,
	up_write} from '../include/linux/lockdep.ts';
import {FAIL_HUGE, HUGE_ZERO_PAGE, type Machine, THP_FAULT_ALLOC, THP_SPLIT, ZERO_PAGE} from '../include/linux/machine.ts';
import {add_mm_counter, FAULT_FLAG_WRITE, flags_clear, flags_or, flags_test, FOLL_DUMP, FOLL_MLOCK, FOLL_TOUCH, FOLL_WRITE, get_page, linear_page_index,
	page_index, page_mapcount, page_to_nid, PageAnon, PageTransHuge, PG_anon, PG_dirty, PG_head, PG_mlocked, PG_nid_last, PG_node1, set_page_anon_mapping, set_page_index,
	vma_test, VM_FAULT_FALLBACK, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE, VM_HUGEPAGE, VM_LOCKED, VM_NO_THP, VM_NOHUGEPAGE,
	VM_USERFAULT} from '../include/linux/mm.ts';
import {MM_ANONPAGES, type mm_struct, type vm_area_struct} from '../include/linux/mm_types.ts';
import type {anon_vma} from '../include/linux/rmap.ts';
import type {errno_t, pfn_t, ptep_t, pteval_t, ulong, vm_flags_t} from '../include/linux/types.ts';
import {double_pmd_lock, double_pmd_unlock} from './fremap.ts';
import {maybe_mkwrite, mk_pte, vm_normal_page} from './memory.ts';
import {mlock_vma_page} from './mlock.ts';
import {find_vma} from './mmap.ts';
import {alloc_page_vma, mpol_misplaced, policy_node} from './mempolicy.ts';
import {migrate_misplaced_transhuge_page} from './migrate.ts';
import {alloc_huge_page, copy_user_highpage, pte_alloc_one, put_page, shouldFail} from './page_alloc.ts';
import {anon_vma_prepare, forEachVmaOf, mm_find_pmd, page_add_new_anon_rmap, page_dup_rmap, page_get_anon_vma, page_lock_anon_vma_read, page_remove_rmap, put_anon_vma} from './rmap.ts';
import {free_page_and_swap_cache} from './swap_state.ts';
import {count_vm_event} from './vmstat.ts';

/** Base pages of a huge page. */
export function HPAGE_PMD_NR(mm: mm_struct): number {
	return mm.arch.PTRS_PER_PTE;
}

/** The start of the huge page that an address is in. */
export function haddrOf(mm: mm_struct, address: ulong): ulong {
	return Math.floor(address / mm.arch.PMD_SIZE) * mm.arch.PMD_SIZE;
}

export function is_huge_zero_pmd(m: Machine, pmd: ptep_t): boolean {
	return pte_pfn(m, pmd) === HUGE_ZERO_PAGE;
}

/** A new huge entry of a vma. @source mm/huge_memory.c:mk_huge_pmd() - K */
function mk_huge_pmd(vma: vm_area_struct): pteval_t {
	return vma.vm_page_prot | _PAGE_PSE;
}

/** @source mm/huge_memory.c:maybe_pmd_mkwrite() - K */
function maybe_pmd_mkwrite(bits: pteval_t, vma: vm_area_struct): pteval_t {
	return maybe_mkwrite(bits, vma);
}

// Each huge pmd has a pte table put by, so that it can be split without memory. The tables are empty and alike, so which is whose does not matter.

export function pgtable_trans_huge_deposit(mm: mm_struct, table: number): void {
	mm.pmd_huge_pte.push(table);
}

export function pgtable_trans_huge_withdraw(mm: mm_struct): number {
	return mm.pmd_huge_pte.pop() ?? modelBug('a huge pmd has no table put by');
}

// faults

/** Maps the huge zero page. @param pmd - empty, locked @source mm/huge_memory.c:set_huge_zero_page() - K */
function set_huge_zero_page(mm: mm_struct, vma: vm_area_struct, pmd: ptep_t, pgtable: number): void {
	pgtable_trans_huge_deposit(mm, pgtable);
	set_pte_at(mm.machine, pmd, pte_wrprotect(mk_huge_pmd(vma)), HUGE_ZERO_PAGE);
	mm.nr_ptes++;
}

/**
 * A read fault: the huge zero page, but SIGBUS in a userfault range.
 *
 * @model The huge zero page is there before the trace begins, and its shrinker is left out, so get_huge_zero_page() neither fails nor counts
 * thp_zero_page_alloc: K.
 */
function readHuge(mm: mm_struct, vma: vm_area_struct, pmd: ptep_t): number {
	const m = mm.machine, pgtable = pte_alloc_one(m);
	if (pgtable === 0) return VM_FAULT_OOM;
	pmd_lock_of(mm, pmd);
	let ret = 0, set = false;
	if (pmd_none(m, pmd)) {
		if (vma_test(vma, VM_USERFAULT)) {
			ret = because(m, D.userfault_huge_zero, VM_FAULT_SIGBUS);
		} else {
			set_huge_zero_page(mm, vma, pmd, pgtable);
			set = true;
		}
	}
	pmd_unlock_of(mm, pmd);
	if (!set) m.tables.free(pgtable);
	return ret;
}

/**
 * Maps a fresh huge page; SIGBUS in a userfault range.
 *
 * @source mm/huge_memory.c:__do_huge_pmd_anonymous_page() - P; 2013-05: I
 */
function __do_huge_pmd_anonymous_page(mm: mm_struct, vma: vm_area_struct, haddr: ulong, pmd: ptep_t, page: pfn_t): number {
	const m = mm.machine, pgtable = pte_alloc_one(m);
	if (pgtable === 0) {
		put_page(m, page);
		return m.rev.huge_fault_oom_falls_back ? VM_FAULT_FALLBACK : VM_FAULT_OOM;
	}
	pmd_lock_of(mm, pmd);
	const userfault = vma_test(vma, VM_USERFAULT);
	if (!pmd_none(m, pmd) || userfault) {
		const none = pmd_none(m, pmd);
		pmd_unlock_of(mm, pmd);
		put_page(m, page);
		m.tables.free(pgtable);
		return none ? because(m, D.userfault_huge, VM_FAULT_SIGBUS) : 0;
	}
	page_add_new_anon_rmap(m, page, vma, haddr);
	lockNewPage(m, page, vma);
	pgtable_trans_huge_deposit(mm, pgtable);
	set_pte_at(m, pmd, maybe_pmd_mkwrite(pte_mkdirty(m, mk_huge_pmd(vma)), vma), page);
	add_mm_counter(mm, MM_ANONPAGES, HPAGE_PMD_NR(mm));
	mm.nr_ptes++;
	pmd_unlock_of(mm, pmd);
	if (!m.rev.counts_thp_at_allocation) count_vm_event(m, THP_FAULT_ALLOC);
	return 0;
}

/** A fresh page of a mlocked vma is marked: the huge part of lru_cache_add_active_or_unevictable(). */
function lockNewPage(m: Machine, page: pfn_t, vma: vm_area_struct): void {
	if (vma_test(vma, VM_LOCKED)) m.mem_map.flags[page]! |= PG_mlocked;
}

/** @returns a huge page of a node; 0 if the allocation fails */
export function allocHugePageNode(m: Machine, nid: number): pfn_t {
	if (shouldFail(m, FAIL_HUGE)) return 0;
	const page = alloc_huge_page(m);
	if (nid !== 0) m.mem_map.flags[page]! |= PG_node1;
	return page;
}

/** @param nid - where no policy says another one @returns a huge page; 0 if the allocation fails */
function alloc_hugepage_vma(m: Machine, vma: vm_area_struct, nid: number): pfn_t {
	return allocHugePageNode(m, policy_node(vma.vm_policy, nid));
}

/**
 * A fault on an empty pmd where a huge page fits. The vma has an anon_vma afterwards, even if it was only read.
 *
 * @param pmd - empty
 * @returns VM_FAULT_FALLBACK where base pages must do; 0, VM_FAULT_SIGBUS, VM_FAULT_OOM
 * @source mm/huge_memory.c:do_huge_pmd_anonymous_page() - P; 2013-05: I
 */
export function do_huge_pmd_anonymous_page(mm: mm_struct, vma: vm_area_struct, address: ulong, pmd: ptep_t, flags: number): number {
	const m = mm.machine, haddr = haddrOf(mm, address);
	if (haddr < vma.vm_start || haddr + mm.arch.PMD_SIZE > vma.vm_end) return VM_FAULT_FALLBACK;
	if (anon_vma_prepare(vma) !== 0) return VM_FAULT_OOM;
	if ((flags & FAULT_FLAG_WRITE) === 0 && m.config.thp_zero_page) return readHuge(mm, vma, pmd);
	const page = alloc_hugepage_vma(m, vma, 0);
	if (page === 0) return VM_FAULT_FALLBACK;
	if (m.rev.counts_thp_at_allocation) count_vm_event(m, THP_FAULT_ALLOC);
	return __do_huge_pmd_anonymous_page(mm, vma, haddr, pmd, page);
}

/** A fault that the entry allows by now: it is young. @source mm/huge_memory.c:huge_pmd_set_accessed() - K */
export function huge_pmd_set_accessed(mm: mm_struct, pmd: ptep_t, orig_pmd: pteval_t, frame: number, dirty: boolean): void {
	const m = mm.machine;
	pmd_lock_of(mm, pmd);
	// pmdp_set_access_flags() writes the entry for a write only
	if (dirty && pte_same(m, pmd, orig_pmd, frame)) set_pte_bits(m, pmd, pte_mkyoung(orig_pmd));
	pmd_unlock_of(mm, pmd);
}

/**
 * No huge page for the copy: 512 base pages take its place.
 *
 * @param page - with a reference
 * @source mm/huge_memory.c:do_huge_pmd_wp_page_fallback() - I
 */
function do_huge_pmd_wp_page_fallback(mm: mm_struct, vma: vm_area_struct, haddr: ulong, pmd: ptep_t, orig_pmd: pteval_t, page: pfn_t): number {
	const m = mm.machine, nr = HPAGE_PMD_NR(mm), pages: pfn_t[] = [];
	for (let i = 0; i < nr; i++) {
		const copy = alloc_page_vma(m, vma);
		if (copy === 0) {
			for (const other of pages) put_page(m, other);
			return VM_FAULT_OOM;
		}
		pages.push(copy);
	}
	pages.forEach((copy, i) => copy_user_highpage(m, copy, page + i));
	pmd_lock_of(mm, pmd);
	if (!pte_same(m, pmd, orig_pmd, page)) {
		pmd_unlock_of(mm, pmd);
		for (const copy of pages) put_page(m, copy);
		return 0;
	}
	pte_clear(m, pmd);
	pmd_populate(m, pmd, pgtable_trans_huge_withdraw(mm));
	const pte = pte_offset(mm, pmd, haddr);
	pages.forEach((copy, i) => {
		page_add_new_anon_rmap(m, copy, vma, haddr + i * mm.arch.PAGE_SIZE);
		lockNewPage(m, copy, vma);
		set_pte_at(m, pte + i, maybe_mkwrite(pte_mkdirty(m, mk_pte(vma)), vma), copy);
	});
	page_remove_rmap(m, page);
	pmd_unlock_of(mm, pmd);
	put_page(m, page);
	return VM_FAULT_WRITE;
}

/**
 * No huge page for a write to the huge zero page: a page for the address, and zero entries around it.
 *
 * @returns VM_FAULT_WRITE; VM_FAULT_OOM, with nothing changed
 * @source mm/huge_memory.c:do_huge_pmd_wp_zero_page_fallback(), Linux 3.10 - I
 */
function do_huge_pmd_wp_zero_page_fallback(mm: mm_struct, vma: vm_area_struct, address: ulong, pmd: ptep_t, orig_pmd: pteval_t): number {
	const m = mm.machine, haddr = haddrOf(mm, address), page = alloc_page_vma(m, vma);
	if (page === 0) return VM_FAULT_OOM;
	pmd_lock_of(mm, pmd);
	if (!pte_same(m, pmd, orig_pmd, HUGE_ZERO_PAGE)) {
		pmd_unlock_of(mm, pmd);
		put_page(m, page);
		return 0;
	}
	pte_clear(m, pmd);
	pmd_populate(m, pmd, pgtable_trans_huge_withdraw(mm));
	const pte = pte_offset(mm, pmd, haddr), own = (address - (address % mm.arch.PAGE_SIZE) - haddr) / mm.arch.PAGE_SIZE;
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) set_pte_at(m, pte + i, pte_mkspecial(vma.vm_page_prot), ZERO_PAGE);
	page_add_new_anon_rmap(m, page, vma, haddr + own * mm.arch.PAGE_SIZE);
	lockNewPage(m, page, vma);
	set_pte_at(m, pte + own, maybe_mkwrite(pte_mkdirty(m, mk_pte(vma)), vma), page);
	add_mm_counter(mm, MM_ANONPAGES, 1);
	pmd_unlock_of(mm, pmd);
	return VM_FAULT_WRITE;
}

/** The copy cannot be huge. @param page - the page that is copied; 0 for the huge zero page */
function wpFallback(mm: mm_struct, vma: vm_area_struct, address: ulong, pmd: ptep_t, orig_pmd: pteval_t, page: pfn_t): number {
	const m = mm.machine;
	if (page === 0) {
		if (m.rev.wp_huge_zero_copies_one) return do_huge_pmd_wp_zero_page_fallback(mm, vma, address, pmd, orig_pmd);
		split_huge_page_pmd(vma, address, pmd);
		return VM_FAULT_FALLBACK;
	}
	let ret = do_huge_pmd_wp_page_fallback(mm, vma, haddrOf(mm, address), pmd, orig_pmd, page);
	if ((ret & VM_FAULT_OOM) !== 0) {
		split_huge_page(m, page);
		if (m.rev.wp_huge_oom_falls_back) ret |= VM_FAULT_FALLBACK;
	}
	put_page(m, page);
	return ret;
}

/**
 * A write to a huge page that the entry does not allow: used again if only we map it, copied otherwise, if need be as base pages.
 *
 * @returns VM_FAULT_WRITE; VM_FAULT_FALLBACK where the pmd is split and the pte fault must go on; VM_FAULT_OOM
 * @source mm/huge_memory.c:do_huge_pmd_wp_page() - K
 */
export function do_huge_pmd_wp_page(mm: mm_struct, vma: vm_area_struct, address: ulong, pmd: ptep_t, orig_pmd: pteval_t): number {
	const m = mm.machine, haddr = haddrOf(mm, address), orig_frame = pte_pfn(m, pmd);
	let page = 0;
	if (!is_huge_zero_pmd(m, pmd)) {
		pmd_lock_of(mm, pmd);
		page = orig_frame;
		if (page_mapcount(m, page) === 1) {
			set_pte_bits(m, pmd, maybe_pmd_mkwrite(pte_mkdirty(m, pte_mkyoung(orig_pmd)), vma));
			pmd_unlock_of(mm, pmd);
			return VM_FAULT_WRITE;
		}
		get_page(m, page);
		pmd_unlock_of(mm, pmd);
	}
	const new_page = transparent_hugepage_enabled(vma) ? alloc_hugepage_vma(m, vma, 0) : 0;
	if (new_page === 0) return wpFallback(mm, vma, address, pmd, orig_pmd, page);
	count_vm_event(m, THP_FAULT_ALLOC);
	if (page !== 0) for (let i = 0; i < HPAGE_PMD_NR(mm); i++) copy_user_highpage(m, new_page + i, page + i);
	pmd_lock_of(mm, pmd);
	if (page !== 0) put_page(m, page);
	if (!pte_same(m, pmd, orig_pmd, orig_frame)) {
		pmd_unlock_of(mm, pmd);
		put_page(m, new_page);
		return 0;
	}
	page_add_new_anon_rmap(m, new_page, vma, haddr);
	lockNewPage(m, new_page, vma);
	set_pte_at(m, pmd, maybe_pmd_mkwrite(pte_mkdirty(m, mk_huge_pmd(vma)), vma), new_page);
	if (page === 0) {
		add_mm_counter(mm, MM_ANONPAGES, HPAGE_PMD_NR(mm));
	} else {
		page_remove_rmap(m, page);
		put_page(m, page);
	}
	pmd_unlock_of(mm, pmd);
	return VM_FAULT_WRITE;
}

/**
 * Looks for the page of an address in a huge page, without a fault.
 *
 * @param pmd - locked
 * @returns the page, 0, or -EFAULT, as follow_page()
 * @source mm/huge_memory.c:follow_trans_huge_pmd() - K
 */
export function follow_trans_huge_pmd(vma: vm_area_struct, address: ulong, pmd: ptep_t, flags: number): number {
	const mm = vma.vm_mm, m = mm.machine, bits = ptep_get(m, pmd);
	if ((flags & FOLL_WRITE) !== 0 && !pte_write(bits)) return 0;
	if ((flags & FOLL_DUMP) !== 0 && is_huge_zero_pmd(m, pmd)) return -EFAULT;
	const page = pte_pfn(m, pmd);
	// the kernel sets the dirty bit here even for a read
	if ((flags & FOLL_TOUCH) !== 0) set_pte_bits(m, pmd, pte_mkyoung(pte_mkdirty(m, bits)));
	if ((flags & FOLL_MLOCK) !== 0 && vma_test(vma, VM_LOCKED) && page !== HUGE_ZERO_PAGE && trylock_page(page)) {
		mlock_vma_page(m, page);
		unlock_page(page);
	}
	return page === HUGE_ZERO_PAGE ? ZERO_PAGE : page + ((address - haddrOf(mm, address)) / mm.arch.PAGE_SIZE);
}

// fork, unmap, mprotect, mremap

/**
 * Copies a huge entry from a parent to a child.
 *
 * @returns 0; -ENOMEM
 * @source mm/huge_memory.c:copy_huge_pmd() - K
 */
export function copy_huge_pmd(dst_mm: mm_struct, src_mm: mm_struct, dst_pmd: ptep_t, src_pmd: ptep_t, vma: vm_area_struct): errno_t {
	const m = src_mm.machine, pgtable = pte_alloc_one(m);
	if (pgtable === 0) return -ENOMEM;
	pmd_lock_of(dst_mm, dst_pmd);
	pmd_lock_nested_of(src_mm, src_pmd);
	const pmd = ptep_get(m, src_pmd), frame = pte_pfn(m, src_pmd);
	if (frame === HUGE_ZERO_PAGE) {
		set_huge_zero_page(dst_mm, vma, dst_pmd, pgtable);
	} else {
		get_page(m, frame);
		page_dup_rmap(m, frame);
		add_mm_counter(dst_mm, MM_ANONPAGES, HPAGE_PMD_NR(dst_mm));
		set_pte_bits(m, src_pmd, pte_wrprotect(pmd));
		pgtable_trans_huge_deposit(dst_mm, pgtable);
		set_pte_at(m, dst_pmd, pte_mkold(pte_wrprotect(pmd)), frame);
		dst_mm.nr_ptes++;
	}
	pmd_unlock_of(src_mm, src_pmd);
	pmd_unlock_of(dst_mm, dst_pmd);
	return 0;
}

/** Unmaps a whole huge page. @source mm/huge_memory.c:zap_huge_pmd() - K */
export function zap_huge_pmd(mm: mm_struct, pmd: ptep_t): void {
	const m = mm.machine;
	pmd_lock_of(mm, pmd);
	const page = pte_pfn(m, pmd), pgtable = pgtable_trans_huge_withdraw(mm);
	pte_clear(m, pmd);
	mm.nr_ptes--;
	if (page !== HUGE_ZERO_PAGE) {
		page_remove_rmap(m, page);
		add_mm_counter(mm, MM_ANONPAGES, -HPAGE_PMD_NR(mm));
	}
	pmd_unlock_of(mm, pmd);
	if (page !== HUGE_ZERO_PAGE) free_page_and_swap_cache(m, page);
	m.tables.free(pgtable);
}

/**
 * Moves a whole huge page for mremap.
 *
 * @returns false where it has to be split
 * @source mm/huge_memory.c:move_huge_pmd() - K
 */
export function move_huge_pmd(new_vma: vm_area_struct, old_addr: ulong, new_addr: ulong, old_end: ulong, old_pmd: ptep_t, new_pmd: ptep_t): boolean {
	const mm = new_vma.vm_mm, m = mm.machine, {PMD_SIZE} = mm.arch;
	if (old_addr % PMD_SIZE !== 0 || new_addr % PMD_SIZE !== 0 || old_end - old_addr < PMD_SIZE || vma_test(new_vma, VM_NOHUGEPAGE)) return false;
	if (!pmd_none(m, new_pmd)) return false;
	pmd_lock_of(mm, old_pmd);
	const soft = mm.rev.soft_dirty ? _PAGE_SOFT_DIRTY : 0;
	set_pte_at(m, new_pmd, ptep_get(m, old_pmd) | soft, pte_pfn(m, old_pmd));
	pte_clear(m, old_pmd);
	pmd_unlock_of(mm, old_pmd);
	return true;
}

/**
 * Gives a huge entry other rights, or with `prot_numa` makes it fault for NUMA balancing.
 *
 * @source mm/huge_memory.c:change_huge_pmd() - K
 * @model Linux 3.10 means to pass over pages that are mapped more than once, but reads the entry after it is cleared, and so asks frame 0, whose
 * struct page was never set up and seems to be mapped once: every huge page gets a hint (K for one that is mapped once, I for the others).
 */
export function change_huge_pmd(mm: mm_struct, pmd: ptep_t, newprot: pteval_t, prot_numa: boolean): void {
	const m = mm.machine, kept = _PAGE_CHG_MASK | _PAGE_PSE;
	pmd_lock_of(mm, pmd);
	const bits = ptep_get(m, pmd);
	if (!prot_numa) {
		const entry = mm.rev.mprotect_ends_hint_as_used && pte_numa(bits) ? pte_mknonnuma(bits) : bits;
		set_pte_bits(m, pmd, (entry & kept) | (newprot & ~kept));
	} else if ((bits & (_PAGE_NUMA | _PAGE_PROTNONE)) === 0 && (mm.rev.numa_hints_huge_zero_page || !is_huge_zero_pmd(m, pmd))) {
		set_pte_bits(m, pmd, pte_mknuma(bits));
	}
	pmd_unlock_of(mm, pmd);
}

/**
 * A fault on a huge entry with a NUMA hint: the hint ends, and the page moves to the node of the task if the policy wants it there.
 *
 * @param orig_pmd - the bits that were seen
 * @returns 0
 * @source mm/huge_memory.c:do_huge_pmd_numa_page() - K; where the page moves: I
 * @model Nobody else can have the page locked, so a migration on its way is never waited for.
 */
export function do_huge_pmd_numa_page(mm: mm_struct, vma: vm_area_struct, pmd: ptep_t, orig_pmd: pteval_t): number {
	const m = mm.machine, page = pte_pfn(m, pmd);
	pmd_lock_of(mm, pmd);
	const target_nid = page === HUGE_ZERO_PAGE ? -1 : mpol_misplaced(m, page, vma);
	if (target_nid === -1) {
		set_pte_bits(m, pmd, pte_mknonnuma(orig_pmd));
		pmd_unlock_of(mm, pmd);
		return 0;
	}
	get_page(m, page);
	pmd_unlock_of(mm, pmd);
	lock_page(page);
	const av = m.rev.numa_locks_anon_vma ? page_lock_anon_vma_read(m, page) : null;
	if (!migrate_misplaced_transhuge_page(mm, vma, pmd, orig_pmd, page, target_nid)) {
		pmd_lock_of(mm, pmd);
		if (pte_same(m, pmd, orig_pmd, page)) set_pte_bits(m, pmd, pte_mknonnuma(orig_pmd));
		pmd_unlock_of(mm, pmd);
	}
	if (av !== null) anon_vma_unlock_read(av);
	return 0;
}

// the call

/**
 * Moves a huge page by its pmd entry, with the table that is put by.
 *
 * @param src_pmd - huge, locked; unlocked on return
 * @param dst_pmd - empty
 * @returns 0; `rev.src_shared`; -EAGAIN
 * @source mm/huge_memory.c:remap_anon_pages_huge_pmd() - P; 2013-05: L
 */
export function remap_anon_pages_huge_pmd(mm: mm_struct, dst_pmd: ptep_t, src_pmd: ptep_t, dst_vma: vm_area_struct, dst_addr: ulong): errno_t {
	const m = mm.machine, src_pmdval = ptep_get(m, src_pmd), src_page = pte_pfn(m, src_pmd);
	if (!PageAnon(m, src_page)) {
		decide(m, D.rap_huge_zero_page);
		pmd_unlock_of(mm, src_pmd);
		BUG('!PageAnon(src_page)');
	}
	if (page_mapcount(m, src_page) !== 1) {
		pmd_unlock_of(mm, src_pmd);
		return because(m, D.rap_huge_mapped_twice, mm.rev.src_shared);
	}
	get_page(m, src_page);
	pmd_unlock_of(mm, src_pmd);
	may_interleave('remap_anon_pages_huge_pmd: page pinned, before the page lock');
	lock_page(src_page);
	const src_anon_vma = page_get_anon_vma(m, src_page);
	if (src_anon_vma === null) {
		unlock_page(src_page);
		put_page(m, src_page);
		return because(m, D.rap_huge_no_anon_vma, -EAGAIN);
	}
	anon_vma_lock_write(src_anon_vma);
	may_interleave('remap_anon_pages_huge_pmd: before both pmd locks');
	double_pmd_lock(mm, src_pmd, dst_pmd);
	if (!pte_same(m, src_pmd, src_pmdval, src_page) || !pmd_none(m, dst_pmd) || page_mapcount(m, src_page) !== 1) {
		double_pmd_unlock(mm, src_pmd, dst_pmd);
		anon_vma_unlock_write(src_anon_vma);
		put_anon_vma(m, src_anon_vma);
		unlock_page(src_page);
		put_page(m, src_page);
		return because(m, D.rap_huge_raced, -EAGAIN);
	}
	put_page(m, src_page);
	m.mem_map.mapping[src_page] = dst_vma.anon_vma!.id;
	set_page_index(m, src_page, linear_page_index(dst_vma, dst_addr));
	pte_clear(m, src_pmd);
	set_pte_at(m, dst_pmd, maybe_pmd_mkwrite(pte_mkdirty(m, mk_huge_pmd(dst_vma)), dst_vma), src_page);
	// the table that is put by goes along, which in the model is any
	double_pmd_unlock(mm, src_pmd, dst_pmd);
	anon_vma_unlock_write(src_anon_vma);
	put_anon_vma(m, src_anon_vma);
	unlock_page(src_page);
	return because(m, D.rap_huge_moved, 0);
}

// splitting

/**
 * @returns the place of the pmd entry that maps a huge page at an address, locked; -1 if it is not mapped there
 * @source mm/huge_memory.c:page_check_address_pmd() - K
 */
export function page_check_address_pmd(m: Machine, page: pfn_t, mm: mm_struct, address: ulong): ptep_t {
	if (address % mm.arch.PMD_SIZE !== 0) return -1;
	const pmd = pmd_walk(mm, address);
	if (pmd < 0 || pmd_none(m, pmd)) return -1;
	pmd_lock_of(mm, pmd);
	if (pmd_trans_huge(m, pmd) && pte_pfn(m, pmd) === page) return pmd;
	pmd_unlock_of(mm, pmd);
	return -1;
}

/** The parts become pages of their own, with the head's mapcount, mapping and marks. @source mm/huge_memory.c:__split_huge_page_refcount() - K */
function __split_huge_page_refcount(m: Machine, page: pfn_t, nr: number): void {
	const {mem_map} = m, mapcount = page_mapcount(m, page), index = page_index(m, page), mapping = mem_map.mapping[page]!;
	mem_map.flags[page]! &= ~PG_head;
	const flags = PG_anon | PG_dirty | (mem_map.flags[page]! & (PG_mlocked | PG_node1 | PG_nid_last));
	for (let i = 1; i < nr; i++) {
		const tail = page + i;
		mem_map._count[tail] = mapcount;
		mem_map._mapcount[tail] = mapcount;
		mem_map.flags[tail]! |= flags;
		set_page_anon_mapping(m, tail, mapping);
		set_page_index(m, tail, index + i);
	}
}

/** A huge entry becomes a table of entries that map the parts. @source mm/huge_memory.c:__split_huge_page_map() - K */
function __split_huge_page_map(m: Machine, page: pfn_t, vma: vm_area_struct, pmd: ptep_t, address: ulong): void {
	const mm = vma.vm_mm, pmdval = ptep_get(m, pmd);
	let entry = maybe_mkwrite(pte_mkdirty(m, mk_pte(vma)), vma);
	if (!pte_write(pmdval)) entry = pte_wrprotect(entry);
	if (!pte_young(pmdval)) entry = pte_mkold(entry);
	if (m.rev.split_keeps_numa_hint && pte_numa(pmdval)) entry = pte_mknuma(entry);
	pmd_populate(m, pmd, pgtable_trans_huge_withdraw(mm));
	const pte = pte_offset(mm, pmd, address);
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) set_pte_at(m, pte + i, entry, page + i);
}

/** @param av - locked for writing @source mm/huge_memory.c:__split_huge_page() - K */
function __split_huge_page(m: Machine, page: pfn_t, av: anon_vma): void {
	const nr = m.arch.PTRS_PER_PTE, found: {vma: vm_area_struct, pmd: ptep_t, address: ulong}[] = [];
	forEachVmaOf(m, page, av, (vma, address) => {
		const pmd = page_check_address_pmd(m, page, vma.vm_mm, address);
		if (pmd < 0) return;
		pmd_unlock_of(vma.vm_mm, pmd);
		if (!found.some(other => other.pmd === pmd)) found.push({vma, pmd, address});
	});
	if (found.length !== page_mapcount(m, page)) BUG('mapcount != page_mapcount(page)');
	__split_huge_page_refcount(m, page, nr);
	for (const {vma, pmd, address} of found) {
		pmd_lock_of(vma.vm_mm, pmd);
		__split_huge_page_map(m, page, vma, pmd, address);
		pmd_unlock_of(vma.vm_mm, pmd);
	}
}

/**
 * Splits a huge page, wherever it is mapped, with the patch's second look at page->mapping once the lock is taken.
 *
 * @returns false if it has no anon_vma any more
 * @source mm/huge_memory.c:split_huge_page_to_list() - P; 2013-05: I
 */
export function split_huge_page(m: Machine, page: pfn_t): boolean {
	for (;;) {
		const mapping = m.mem_map.mapping[page]!, av = page_get_anon_vma(m, page);
		if (av === null) return false;
		may_interleave('split_huge_page: mapping read, before the lock');
		anon_vma_lock_write(av);
		const same = m.mem_map.mapping[page] === mapping;
		if (same && PageTransHuge(m, page)) {
			__split_huge_page(m, page, av);
			count_vm_event(m, THP_SPLIT);
		}
		anon_vma_unlock_write(av);
		put_anon_vma(m, av);
		if (same) return true;
		decide(m, D.split_mapping_changed);
	}
}

/** The huge zero page: its entry becomes a table of entries of the zero page. @source mm/huge_memory.c:__split_huge_zero_page_pmd() - K */
function __split_huge_zero_page_pmd(vma: vm_area_struct, haddr: ulong, pmd: ptep_t): void {
	const mm = vma.vm_mm, m = mm.machine;
	pmd_populate(m, pmd, pgtable_trans_huge_withdraw(mm));
	const pte = pte_offset(mm, pmd, haddr);
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) set_pte_at(m, pte + i, pte_mkspecial(vma.vm_page_prot), ZERO_PAGE);
}

/** Splits whatever a huge entry maps. @source mm/huge_memory.c:__split_huge_page_pmd() - K */
export function split_huge_page_pmd(vma: vm_area_struct, address: ulong, pmd: ptep_t): void {
	const mm = vma.vm_mm, m = mm.machine, haddr = haddrOf(mm, address);
	pmd_lock_of(mm, pmd);
	if (!pmd_trans_huge(m, pmd)) {
		pmd_unlock_of(mm, pmd);
		return;
	}
	if (is_huge_zero_pmd(m, pmd)) {
		__split_huge_zero_page_pmd(vma, haddr, pmd);
		pmd_unlock_of(mm, pmd);
		return;
	}
	const page = pte_pfn(m, pmd);
	get_page(m, page);
	pmd_unlock_of(mm, pmd);
	split_huge_page(m, page);
	put_page(m, page);
}

/** Splits the huge page that an address lies inside of. @source mm/huge_memory.c:split_huge_page_address() - K */
function split_huge_page_address(mm: mm_struct, address: ulong): void {
	const pmd = pmd_walk(mm, address), m = mm.machine;
	if (pmd < 0 || !pmd_trans_huge(m, pmd)) return;
	const vma = find_vma(mm, address);
	split_huge_page_pmd(vma === null ? modelBug('a huge page without a vma') : vma, address, pmd);
}

/** Could a huge page lie across an address that a vma is to begin or end at? */
function splitAt(vma: vm_area_struct, address: ulong): void {
	const mm = vma.vm_mm, haddr = haddrOf(mm, address);
	if (haddr !== address && haddr >= vma.vm_start && haddr + mm.arch.PMD_SIZE <= vma.vm_end) split_huge_page_address(mm, address);
}

/**
 * A vma gets another range: huge pages that lie across its new ends are split.
 *
 * @param adjust_next - by how many pages the start of the next vma moves
 * @source mm/huge_memory.c:__vma_adjust_trans_huge() - K
 */
export function vma_adjust_trans_huge(vma: vm_area_struct, start: ulong, end: ulong, adjust_next: number): void {
	if (vma.anon_vma === null || vma.vm_ops !== null) return;
	splitAt(vma, start);
	splitAt(vma, end);
	if (adjust_next > 0) splitAt(vma.vm_next!, vma.vm_next!.vm_start + adjust_next * vma.vm_mm.arch.PAGE_SIZE);
}

/** A `split` row: something splits the huge page at an address. */
export function splitAtAddress(mm: mm_struct, address: ulong): void {
	const vma = find_vma(mm, address), pmd = pmd_walk(mm, address);
	if (vma !== null && vma.vm_start <= address && pmd >= 0 && pmd_trans_huge(mm.machine, pmd)) split_huge_page_pmd(vma, address, pmd);
}

// khugepaged

/** @source mm/huge_memory.c:hugepage_vma_check() - K @model Where there are no huge pages, there is no khugepaged to ask. */
function hugepage_vma_check(vma: vm_area_struct): boolean {
	if (!vma.vm_mm.arch.huge_pages) return false;
	const {thp} = vma.vm_mm.machine.config;
	if ((!vma_test(vma, VM_HUGEPAGE) && thp !== 'always') || vma_test(vma, VM_NOHUGEPAGE)) return false;
	return thp !== 'never' && vma.anon_vma !== null && vma.vm_ops === null;
}

/**
 * May the pages of a table become a huge one? The holes of a userfault range are never filled.
 *
 * @source mm/huge_memory.c:khugepaged_scan_pmd() - P; 2013-05: I
 * @model Only the young bits of the entries count as use: PageReferenced, which get_user_pages sets too, is left out.
 */
function mayCollapse(mm: mm_struct, vma: vm_area_struct, pte: ptep_t): boolean {
	const m = mm.machine;
	let none = 0, referenced = false;
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) {
		const bits = ptep_get(m, pte + i);
		if (pte_none(bits)) {
			if (vma_test(vma, VM_USERFAULT)) {
				decide(m, D.collapse_userfault_hole);
				return false;
			}
			if (++none <= m.config.khugepaged_max_ptes_none) continue;
			decide(m, D.collapse_many_holes);
			return false;
		}
		const page = pte_present(bits) && pte_write(bits) ? vm_normal_page(m, pte + i, bits) : 0;
		if (page === 0 || !PageAnon(m, page) || m.mem_map._count[page] !== 1) {
			decide(m, D.collapse_page_unfit);
			return false;
		}
		referenced ||= pte_young(bits);
	}
	if (!referenced) decide(m, D.collapse_none_young);
	return referenced;
}

/**
 * The node that the huge page of a collapse comes from.
 *
 * @source mm/huge_memory.c:khugepaged_find_target_node(), Linux 3.17; khugepaged_scan_pmd(), Linux 3.10 - I
 */
function khugepaged_find_target_node(mm: mm_struct, pte: ptep_t): number {
	const m = mm.machine;
	let first = -1, node0 = 0, node1 = 0;
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) {
		if (pte_none(ptep_get(m, pte + i))) continue;
		const nid = page_to_nid(m, pte_pfn(m, pte + i));
		if (first < 0) first = nid;
		if (nid === 0) node0++;
		else node1++;
	}
	if (m.rev.collapse_follows_first_page) return first;
	// as many pages on both: they take turns
	const node = node1 > node0 || (node1 === node0 && m.last_khugepaged_target_node === 0) ? 1 : 0;
	m.last_khugepaged_target_node = node;
	return node;
}

/** Copies the pages of a table into a huge page; holes are zeroes. @source mm/huge_memory.c:__collapse_huge_page_copy() - K */
function __collapse_huge_page_copy(mm: mm_struct, pte: ptep_t, new_page: pfn_t): void {
	const m = mm.machine;
	for (let i = 0; i < HPAGE_PMD_NR(mm); i++) {
		if (pte_none(ptep_get(m, pte + i))) {
			add_mm_counter(mm, MM_ANONPAGES, 1);
			continue;
		}
		const src_page = pte_pfn(m, pte + i);
		copy_user_highpage(m, new_page + i, src_page);
		pte_clear(m, pte + i);
		page_remove_rmap(m, src_page);
		free_page_and_swap_cache(m, src_page);
	}
}

/**
 * khugepaged makes a huge page of the base pages around an address.
 *
 * @returns whether it did
 * @source mm/huge_memory.c:khugepaged_scan_mm_slot(), khugepaged_scan_pmd(), collapse_huge_page() - P; 2013-05: I
 */
export function collapse(mm: mm_struct, address: ulong): boolean {
	const m = mm.machine, haddr = haddrOf(mm, address), {PMD_SIZE} = mm.arch;
	down_write(mm);
	const done = collapse_huge_page(m, mm, haddr, PMD_SIZE);
	up_write(mm);
	return done;
}

function collapse_huge_page(m: Machine, mm: mm_struct, haddr: ulong, PMD_SIZE: ulong): boolean {
	const vma = find_vma(mm, haddr);
	if (vma === null || haddr < vma.vm_start || haddr + PMD_SIZE > vma.vm_end || !hugepage_vma_check(vma)) {
		decide(m, D.collapse_vma_unfit);
		return false;
	}
	const pmd = mm_find_pmd(mm, haddr);
	if (pmd < 0 || pmd_trans_huge(m, pmd)) {
		decide(m, D.collapse_no_table);
		return false;
	}
	const pte = pte_offset(mm, pmd, haddr);
	if (!mayCollapse(mm, vma, pte)) return false;
	const node = khugepaged_find_target_node(mm, pte);
	const new_page = m.rev.collapse_follows_first_page ? alloc_hugepage_vma(m, vma, node) : allocHugePageNode(m, node);
	if (new_page === 0) return false;
	spin_lock(table_of(m, pte));
	__collapse_huge_page_copy(mm, pte, new_page);
	spin_unlock(table_of(m, pte));
	const pgtable = pte_pfn(m, pmd);
	pmd_lock_of(mm, pmd);
	page_add_new_anon_rmap(m, new_page, vma, haddr);
	lockNewPage(m, new_page, vma);
	pgtable_trans_huge_deposit(mm, pgtable);
	set_pte_at(m, pmd, maybe_pmd_mkwrite(pte_mkdirty(m, mk_huge_pmd(vma)), vma), new_page);
	pmd_unlock_of(mm, pmd);
	return true;
}

/**
 * MADV_HUGEPAGE and MADV_NOHUGEPAGE.
 *
 * @returns the new flags; -EINVAL
 * @source mm/huge_memory.c:hugepage_madvise() - K
 */
export function hugepage_madvise(vma: vm_area_struct, flags: vm_flags_t, huge: boolean): number {
	const m = vma.vm_mm.machine;
	if (huge) {
		if (flags_test(flags, VM_HUGEPAGE | VM_NO_THP)) return because(m, D.madvise_huge_again, -EINVAL);
		return flags_or(flags_clear(flags, VM_NOHUGEPAGE), VM_HUGEPAGE);
	}
	if (flags_test(flags, VM_NOHUGEPAGE | VM_NO_THP)) return because(m, D.madvise_nohuge_again, -EINVAL);
	return flags_or(flags_clear(flags, VM_HUGEPAGE), VM_NOHUGEPAGE);
}
