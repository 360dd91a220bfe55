import {_PAGE_SOFT_DIRTY} from '../arch/x86/pgtable.ts';
import {EFAULT, ENOENT, ENOMEM, ERESTARTSYS} from '../include/asm-generic/errno.ts';
import {addr_end, forget_walks, pgd_offset, pmd_lock_of, pmd_mknonnuma, pmd_none, pmd_numa, pmd_offset, pmd_populate, pmd_trans_huge, pmd_unlock_of, pmd_walk,
	is_swap_pte, pte_clear, pte_dirty, pte_file, pte_file_soft_dirty, pte_mkclean, pte_mkdirty, pte_mkold, pte_mkspecial, pte_mknonnuma, pte_mkwrite, pte_mkyoung, pte_none, pte_numa, pte_offset, pte_pfn, pte_present,
	pte_same, pte_special, pte_swp_soft_dirty, pte_to_pgoff, pte_to_swp_entry, pte_write, pte_wrprotect, ptep_get, pud_offset, set_pte_at, set_pte_bits,
	set_pte_file,
	table_of} from '../include/asm-generic/pgtable.ts';
import {modelBug} from '../include/linux/bug.ts';
import {because, D} from '../include/linux/decisions.ts';
import {transparent_hugepage_enabled} from '../include/linux/huge_mm.ts';
import {down_read, lock_page, may_interleave, pmd_lock, pmd_unlock, spin_lock, spin_lock_nested, spin_unlock, trylock_page, unlock_page,
	up_read} from '../include/linux/lockdep.ts';
import {type Machine, ZERO_PAGE} from '../include/linux/machine.ts';
import {add_mm_counter, dec_mm_counter, FAULT_FLAG_WRITE, FOLL_DUMP, FOLL_FORCE, FOLL_MLOCK, FOLL_NUMA, FOLL_SPLIT, FOLL_TOUCH, FOLL_WRITE, get_page, inc_mm_counter,
	is_cow_mapping, linear_page_index, page_index, page_mapcount, PageAnon, PageDirty, PageKsm, PageMlocked, PG_mlocked, SetPageDirty, stack_guard_page_start, vma_test, VM_FAULT_ERROR,
	VM_FAULT_FALLBACK, VM_FAULT_MAJOR, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_FAULT_WRITE, VM_GROWSDOWN, VM_HUGETLB, VM_IO, VM_LOCKED, VM_MAYREAD, VM_MIXEDMAP, VM_NONLINEAR, VM_SHARED,
	VM_PFNMAP, VM_READ, VM_USERFAULT, VM_WRITE} from '../include/linux/mm.ts';
import {MM_ANONPAGES, MM_FILEPAGES, MM_SWAPENTS, type mm_struct, type task_struct, type vm_area_struct} from '../include/linux/mm_types.ts';
import type {file} from '../include/linux/fs.ts';
import type {errno_t, pfn_t, pgoff_t, ptep_t, pteval_t, ulong} from '../include/linux/types.ts';
import {copy_huge_pmd, do_huge_pmd_anonymous_page, do_huge_pmd_numa_page, do_huge_pmd_wp_page, follow_trans_huge_pmd, huge_pmd_set_accessed, split_huge_page_pmd,
	zap_huge_pmd} from './huge_memory.ts';
import {ksm_might_need_to_copy} from './ksm.ts';
import {mlock_vma_page, munlock_vma_page} from './mlock.ts';
import {alloc_page_vma, mpol_misplaced} from './mempolicy.ts';
import {migrate_misplaced_page} from './migrate.ts';
import {expand_downwards, find_extend_vma, find_vma} from './mmap.ts';
import {copy_user_highpage, pmd_alloc_one, pte_alloc_one, pud_alloc_one, put_page} from './page_alloc.ts';
import {anon_vma_prepare, do_page_add_anon_rmap, page_add_file_rmap, page_add_new_anon_rmap, page_dup_rmap, page_move_anon_rmap, page_remove_rmap,
	unlink_anon_vmas} from './rmap.ts';
import {free_page_and_swap_cache, lookup_swap_cache, swapin_readahead} from './swap_state.ts';
import {free_swap_and_cache, reuse_swap_page, swap_duplicate, swap_free, try_to_free_swap, vm_swap_full} from './swapfile.ts';

// page tables: made and freed

/**
 * Sees to it that an address has a pmd entry: pud_alloc() and pmd_alloc().
 *
 * @returns its place; -1 if an allocation fails
 * @source mm/memory.c:__pud_alloc(), __pmd_alloc() - K
 */
export function pmd_alloc(mm: mm_struct, address: ulong): ptep_t {
	const found = pmd_walk(mm, address);
	if (found >= 0) return found;
	const m = mm.machine, pgd = pgd_offset(mm, address);
	if (pmd_none(m, pgd)) populate(mm, pgd, pud_alloc_one(m));
	const pud = pud_offset(mm, pgd, address);
	if (pmd_none(m, pud)) {
		const table = pmd_alloc_one(m);
		if (table === 0) return -1;
		populate(mm, pud, table);
	}
	return pmd_walk(mm, address);
}

function populate(mm: mm_struct, entry: ptep_t, table: number): void {
	pmd_lock(mm);
	pmd_populate(mm.machine, entry, table);
	pmd_unlock(mm);
}

/**
 * Hangs a pte table below an empty pmd entry.
 *
 * @returns 0; -ENOMEM
 * @source mm/memory.c:__pte_alloc() - K
 */
export function __pte_alloc(mm: mm_struct, pmd: ptep_t): errno_t {
	const m = mm.machine, table = pte_alloc_one(m);
	if (table === 0) return -ENOMEM;
	pmd_lock_of(mm, pmd);
	mm.nr_ptes++;
	pmd_populate(m, pmd, table);
	pmd_unlock_of(mm, pmd);
	return 0;
}

/** Unhooks the table below an entry and frees it. */
function free_table(m: Machine, entry: ptep_t): void {
	const table = m.tables.frame[entry]!;
	pte_clear(m, entry);
	m.tables.free(table);
}

/** Does what lies below an entry that begins at `start` belong to nobody but the range? */
function mayFree(start: ulong, end: ulong, size: ulong, floor: ulong, ceiling: ulong): boolean {
	if (start < floor) return false;
	if (ceiling === 0) return true;
	const top = Math.floor(ceiling / size) * size;
	return top !== 0 && end - 1 <= top - 1;
}

function free_pmd_range(mm: mm_struct, pud: ptep_t, addr: ulong, end: ulong, floor: ulong, ceiling: ulong): void {
	const m = mm.machine, {PMD_SIZE, PUD_SIZE} = mm.arch;
	for (let at = addr; at < end; at = addr_end(at, end, PMD_SIZE)) {
		const pmd = pmd_offset(mm, pud, at);
		if (pmd_none(m, pmd)) continue;
		free_table(m, pmd);
		mm.nr_ptes--;
	}
	if (mayFree(Math.floor(addr / PUD_SIZE) * PUD_SIZE, end, PUD_SIZE, floor, ceiling)) free_table(m, pud);
}

function free_pud_range(mm: mm_struct, pgd: ptep_t, addr: ulong, end: ulong, floor: ulong, ceiling: ulong): void {
	const m = mm.machine, {PUD_SIZE, PGDIR_SIZE} = mm.arch;
	for (let at = addr; at < end;) {
		const pud = pud_offset(mm, pgd, at), next = addr_end(at, end, PUD_SIZE);
		if (!pmd_none(m, pud)) free_pmd_range(mm, pud, at, next, floor, ceiling);
		at = next;
	}
	if (mayFree(Math.floor(addr / PGDIR_SIZE) * PGDIR_SIZE, end, PGDIR_SIZE, floor, ceiling)) free_table(m, pgd);
}

/**
 * Frees the tables that only the range uses. Their entries are empty.
 *
 * @param floor - where the vma below ends; 0 if there is none
 * @param ceiling - where the vma above begins; 0 if there is none
 * @source mm/memory.c:free_pgd_range() - K
 */
function free_pgd_range(mm: mm_struct, addr: ulong, end: ulong, floor: ulong, ceiling: ulong): void {
	const {PMD_SIZE, PGDIR_SIZE} = mm.arch, m = mm.machine;
	let from = Math.floor(addr / PMD_SIZE) * PMD_SIZE, to = end;
	if (from < floor) from += PMD_SIZE;
	const top = Math.floor(ceiling / PMD_SIZE) * PMD_SIZE;
	if (ceiling !== 0) {
		if (top === 0) return;
		if (to - 1 > top - 1) to -= PMD_SIZE;
	}
	if (from > to - 1) return;
	for (let at = from; at < to;) {
		const pgd = pgd_offset(mm, at), next = addr_end(at, to, PGDIR_SIZE);
		if (!pmd_none(m, pgd)) free_pud_range(mm, pgd, at, next, floor, top);
		at = next;
	}
	forget_walks(mm);
}

/**
 * Takes the vmas of a list off their anon_vmas and frees the tables that only they used.
 *
 * @param vma - the first of a list that is not linked to the address space any more
 * @source mm/memory.c:free_pgtables() - K
 */
export function free_pgtables(vma: vm_area_struct, floor: ulong, ceiling: ulong): void {
	const mm = vma.vm_mm;
	for (let first: vm_area_struct | null = vma; first !== null;) {
		let last: vm_area_struct = first, next: vm_area_struct | null = first.vm_next;
		unlink_anon_vmas(first);
		// nearby vmas are freed in one go, since they may share tables
		while (next !== null && next.vm_start <= last.vm_end + mm.arch.PMD_SIZE) {
			last = next;
			next = last.vm_next;
			unlink_anon_vmas(last);
		}
		free_pgd_range(mm, first.vm_start, last.vm_end, floor, next === null ? ceiling : next.vm_start);
		first = next;
	}
}

/**
 * Goes through the pmd entries of a range, as far as there are tables for them: the loops over pgd, pud and pmd that the kernel writes out for each use.
 *
 * @param each - called with the place of the entry and the part of the range that it covers
 */
export function walkPmds(mm: mm_struct, start: ulong, end: ulong, each: (pmd: ptep_t, addr: ulong, next: ulong) => void): void {
	const m = mm.machine, {PGDIR_SIZE, PUD_SIZE, PMD_SIZE} = mm.arch;
	for (let at = start; at < end;) {
		const pgd = pgd_offset(mm, at);
		if (pmd_none(m, pgd)) {
			at = addr_end(at, end, PGDIR_SIZE);
			continue;
		}
		const pud = pud_offset(mm, pgd, at);
		if (pmd_none(m, pud)) {
			at = addr_end(at, end, PUD_SIZE);
			continue;
		}
		const next = addr_end(at, end, PMD_SIZE);
		each(pmd_offset(mm, pud, at), at, next);
		at = next;
	}
}

/** The page that an entry maps; 0 for the zero page and for a driver's, which have no struct page. */
export function vm_normal_page(m: Machine, ptep: ptep_t, bits: pteval_t): pfn_t {
	return pte_special(bits) ? 0 : pte_pfn(m, ptep);
}

/** A new entry for a page: the rights of the vma, which make it young. */
export function mk_pte(vma: vm_area_struct): pteval_t {
	return vma.vm_page_prot;
}

/** @source include/linux/mm.h:maybe_mkwrite() - K */
export function maybe_mkwrite(bits: pteval_t, vma: vm_area_struct): pteval_t {
	return vma_test(vma, VM_WRITE) ? pte_mkwrite(bits) : bits;
}

// fork

/**
 * Copies one entry from a parent to a child: a page gets one more mapping and both entries become read-only, the child's old; a swap entry gets one more holder.
 *
 * @source mm/memory.c:copy_one_pte() - K
 * @model No other task can see a migration entry.
 */
function copy_one_pte(m: Machine, dst_mm: mm_struct, dst: ptep_t, src: ptep_t, vma: vm_area_struct): void {
	let pte = ptep_get(m, src);
	const frame = pte_pfn(m, src);
	if (!pte_present(pte)) {
		if (is_swap_pte(pte)) {
			swap_duplicate(m, frame);
			inc_mm_counter(dst_mm, MM_SWAPENTS);
		}
		set_pte_at(m, dst, pte, frame);
		return;
	}
	if (is_cow_mapping(vma)) {
		pte = pte_wrprotect(pte);
		set_pte_bits(m, src, pte);
	}
	if (vma_test(vma, VM_SHARED)) pte = pte_mkclean(pte);
	pte = pte_mkold(pte);
	const page = vm_normal_page(m, src, pte);
	if (page !== 0) {
		get_page(m, page);
		page_dup_rmap(m, page);
		inc_mm_counter(dst_mm, mm_counter(m, page));
	}
	set_pte_at(m, dst, pte, frame);
}

function copy_pte_range(dst_mm: mm_struct, src_mm: mm_struct, dst_pmd: ptep_t, src_pmd: ptep_t, vma: vm_area_struct, addr: ulong, end: ulong): errno_t {
	const m = src_mm.machine;
	if (pmd_none(m, dst_pmd) && __pte_alloc(dst_mm, dst_pmd) !== 0) return -ENOMEM;
	let dst = pte_offset(dst_mm, dst_pmd, addr), src = pte_offset(src_mm, src_pmd, addr);
	const dst_table = table_of(m, dst), src_table = table_of(m, src);
	spin_lock(dst_table);
	spin_lock_nested(src_table);
	for (let at = addr; at < end; at += src_mm.arch.PAGE_SIZE, dst++, src++) {
		if (!pte_none(ptep_get(m, src))) copy_one_pte(m, dst_mm, dst, src, vma);
	}
	spin_unlock(src_table);
	spin_unlock(dst_table);
	return 0;
}

/**
 * Copies the entries of a vma to the child. A vma is passed over if its faults will find the same again: without an anon_vma, but not a
 * nonlinear one or a driver's.
 *
 * @returns 0; -ENOMEM, with what was copied until then
 * @source mm/memory.c:copy_page_range() - K
 */
export function copy_page_range(dst_mm: mm_struct, src_mm: mm_struct, vma: vm_area_struct): errno_t {
	if (vma.anon_vma === null && !vma_test(vma, VM_HUGETLB | VM_NONLINEAR | VM_PFNMAP | VM_MIXEDMAP)) return 0;
	const m = src_mm.machine;
	let error = 0;
	walkPmds(src_mm, vma.vm_start, vma.vm_end, (src_pmd, addr, next) => {
		if (error !== 0) return;
		const dst_pmd = pmd_alloc(dst_mm, addr);
		if (dst_pmd < 0) {
			error = -ENOMEM;
			return;
		}
		if (pmd_none(m, src_pmd)) return;
		error = pmd_trans_huge(m, src_pmd) ? copy_huge_pmd(dst_mm, src_mm, dst_pmd, src_pmd, vma) : copy_pte_range(dst_mm, src_mm, dst_pmd, src_pmd, vma, addr, next);
	});
	return error;
}

// zap

/** What of a range is to be unmapped; nothing said: all of it. */
export interface ZapDetails {
	/** Only pages of this file; the copies that private mappings have of them stay. */
	readonly check_mapping: file | null;
	/** Pages that are not where a linear mapping would have them leave their offset behind. */
	readonly nonlinear_vma: vm_area_struct | null;
	/** Of a nonlinear vma, only the pages from here to there. */
	readonly first_index: pgoff_t;
	readonly last_index: pgoff_t;
}

/** Is a page to stay? */
function spared(m: Machine, page: pfn_t, details: ZapDetails): boolean {
	const {check_mapping, nonlinear_vma, first_index, last_index} = details;
	if (check_mapping !== null && (PageAnon(m, page) || m.mem_map.mapping[page] !== check_mapping.id)) return true;
	return nonlinear_vma !== null && (page_index(m, page) < first_index || page_index(m, page) > last_index);
}

/**
 * Empties the entries of a pte table: pages lose a mapping, swap slots a holder.
 *
 * @param details - null for all
 * @source mm/memory.c:zap_pte_range() - K
 * @model The kernel gathers the pages and frees them once the table's lock is dropped; here each is freed at once, which leaves the same.
 */
function zap_pte_range(vma: vm_area_struct, pmd: ptep_t, addr: ulong, end: ulong, details: ZapDetails | null): void {
	const mm = vma.vm_mm, m = mm.machine;
	let pte = pte_offset(mm, pmd, addr), anon = 0, swap = 0, files = 0;
	const table = table_of(m, pte);
	spin_lock(table);
	for (let at = addr; at < end; at += mm.arch.PAGE_SIZE, pte++) {
		const bits = ptep_get(m, pte);
		if (pte_none(bits)) continue;
		if (pte_present(bits)) {
			const page = vm_normal_page(m, pte, bits);
			if (details !== null && page !== 0 && spared(m, page, details)) continue;
			pte_clear(m, pte);
			if (page === 0) continue;
			if (details !== null && details.nonlinear_vma !== null && linear_page_index(vma, at) !== page_index(m, page)) {
				set_pte_file(m, pte, page_index(m, page), (bits & _PAGE_SOFT_DIRTY) !== 0);
			}
			if (PageAnon(m, page)) anon--;
			else files--;
			page_remove_rmap(m, page);
			free_page_and_swap_cache(m, page);
			continue;
		}
		// swap entries and nonlinear entries are left where not everything goes
		if (details !== null) continue;
		if (is_swap_pte(bits)) {
			swap--;
			free_swap_and_cache(m, pte_to_swp_entry(m, pte));
		}
		pte_clear(m, pte);
	}
	add_mm_counter(mm, MM_ANONPAGES, anon);
	add_mm_counter(mm, MM_FILEPAGES, files);
	add_mm_counter(mm, MM_SWAPENTS, swap);
	spin_unlock(table);
}

/** Empties the entries of a part of a vma. @source mm/memory.c:unmap_single_vma() - K */
function unmap_single_vma(vma: vm_area_struct, start_addr: ulong, end_addr: ulong, details: ZapDetails | null): void {
	const start = Math.max(vma.vm_start, start_addr), end = Math.min(vma.vm_end, end_addr);
	if (start >= end) return;
	const m = vma.vm_mm.machine;
	walkPmds(vma.vm_mm, start, end, (pmd, addr, next) => {
		if (pmd_none(m, pmd)) return;
		if (pmd_trans_huge(m, pmd)) {
			if (next - addr === vma.vm_mm.arch.PMD_SIZE) return zap_huge_pmd(vma.vm_mm, pmd);
			split_huge_page_pmd(vma, addr, pmd);
		}
		zap_pte_range(vma, pmd, addr, next, details);
	});
}

/** Empties the entries of a list of vmas, as far as they lie in the range. @source mm/memory.c:unmap_vmas() - K */
export function unmap_vmas(first: vm_area_struct, start: ulong, end: ulong, details: ZapDetails | null = null): void {
	for (let vma: vm_area_struct | null = first; vma !== null && vma.vm_start < end; vma = vma.vm_next) unmap_single_vma(vma, start, end, details);
}

/** Empties the entries of a range that begins in a vma. @source mm/memory.c:zap_page_range() - K */
export function zap_page_range(vma: vm_area_struct, start: ulong, size: ulong, details: ZapDetails | null): void {
	unmap_vmas(vma, start, start + size, details);
}

/**
 * Unmaps a part of a file from every mapping; private copies stay.
 *
 * @param start, end - page offsets
 * @source mm/memory.c:unmap_mapping_range() without even_cows - I
 * @model The mappings are found by looking at every vma, where the kernel has a tree of the file's.
 */
export function unmap_mapping_range(m: Machine, check_mapping: file, start: pgoff_t, end: pgoff_t): void {
	forEachVmaOfFile(m, check_mapping, vma => {
		const {PAGE_SIZE} = m.arch, nonlinear = vma_test(vma, VM_NONLINEAR);
		const first = nonlinear ? vma.vm_start : Math.max(vma.vm_start, vma.vm_start + (start - vma.vm_pgoff) * PAGE_SIZE);
		const last = nonlinear ? vma.vm_end : Math.min(vma.vm_end, vma.vm_start + (end - vma.vm_pgoff) * PAGE_SIZE);
		if (first >= last) return;
		unmap_single_vma(vma, first, last, {check_mapping, nonlinear_vma: nonlinear ? vma : null, first_index: start, last_index: end - 1});
	});
}

/** Calls back for each mapping of a file, nonlinear ones too. */
export function forEachVmaOfFile(m: Machine, of: file, each: (vma: vm_area_struct) => void): void {
	for (const mm of m.mms) {
		for (let vma = mm.mmap; vma !== null; vma = vma.vm_next) if (vma.vm_file === of) each(vma);
	}
}

/**
 * Maps every page of a driver's vma as a raw frame.
 *
 * @param frame - by its number in the vma; 0 if there is no memory for it
 * @returns false if there is no memory
 * @source mm/memory.c:remap_pfn_range(), remap_pte_range() - K
 */
export function remapPages(vma: vm_area_struct, frame: (i: number) => pfn_t): boolean {
	const mm = vma.vm_mm, m = mm.machine, {PAGE_SIZE} = mm.arch;
	for (let at = vma.vm_start, i = 0; at < vma.vm_end; at += PAGE_SIZE, i++) {
		const pmd = pmd_alloc(mm, at);
		if (pmd < 0 || (pmd_none(m, pmd) && __pte_alloc(mm, pmd) !== 0)) return false;
		const page = frame(i);
		if (page === 0) return false;
		set_pte_at(m, pte_offset(mm, pmd, at), pte_mkspecial(vma.vm_page_prot), page);
	}
	return true;
}

// faults

/**
 * A write to a present page that the entry does not allow: the page is only ours and is used again, or it is copied.
 *
 * @param ptep - its table locked, and unlocked on return
 * @returns VM_FAULT_WRITE; VM_FAULT_OOM
 * @source mm/memory.c:do_wp_page() - K
 */
function do_wp_page(mm: mm_struct, vma: vm_area_struct, address: ulong, ptep: ptep_t, orig_pte: pteval_t): number {
	const m = mm.machine, table = table_of(m, ptep), old_page = vm_normal_page(m, ptep, orig_pte), old_frame = pte_pfn(m, ptep);
	if (old_page !== 0 && PageAnon(m, old_page) && !PageKsm(m, old_page)) {
		trylock_page(old_page);
		if (reuse_swap_page(m, old_page)) {
			page_move_anon_rmap(m, old_page, vma);
			unlock_page(old_page);
			return wp_reuse(m, vma, ptep, orig_pte);
		}
		unlock_page(old_page);
	} else if ((vma.vm_flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED)) {
		if (old_page !== 0) SetPageDirty(m, old_page);
		return wp_reuse(m, vma, ptep, orig_pte);
	}
	if (old_page !== 0) get_page(m, old_page);
	spin_unlock(table);
	may_interleave('do_wp_page: page-table lock dropped for the copy');
	const new_page = anon_vma_prepare(vma) === 0 ? alloc_page_vma(m, vma) : 0;
	if (new_page === 0) {
		if (old_page !== 0) put_page(m, old_page);
		return VM_FAULT_OOM;
	}
	// a driver's page has no struct page, but content
	if (old_frame !== ZERO_PAGE) copy_user_highpage(m, new_page, old_frame);
	spin_lock(table);
	if (!pte_same(m, ptep, orig_pte, old_frame)) {
		// somebody else has answered the fault
		put_page(m, new_page);
		spin_unlock(table);
		if (old_page !== 0) put_page(m, old_page);
		return 0;
	}
	if (old_page === 0) {
		inc_mm_counter(mm, MM_ANONPAGES);
	} else if (!PageAnon(m, old_page)) {
		dec_mm_counter(mm, MM_FILEPAGES);
		inc_mm_counter(mm, MM_ANONPAGES);
	}
	page_add_new_anon_rmap(m, new_page, vma, address);
	lru_cache_add_active_or_unevictable(m, new_page, vma);
	set_pte_at(m, ptep, maybe_mkwrite(pte_mkdirty(m, mk_pte(vma)), vma), new_page);
	if (old_page !== 0) {
		page_remove_rmap(m, old_page);
		put_page(m, old_page);
	}
	spin_unlock(table);
	if (old_page !== 0) {
		if (vma_test(vma, VM_LOCKED)) {
			// the other tasks, whose vmas may not be locked, do not keep the mlocked page
			lock_page(old_page);
			munlock_vma_page(m, old_page);
			unlock_page(old_page);
		}
		put_page(m, old_page);
	}
	return VM_FAULT_WRITE;
}

/** The page is written to as it is: the end of do_wp_page() for one that is not copied. @returns VM_FAULT_WRITE */
function wp_reuse(m: Machine, vma: vm_area_struct, ptep: ptep_t, orig_pte: pteval_t): number {
	set_pte_bits(m, ptep, maybe_mkwrite(pte_mkdirty(m, pte_mkyoung(orig_pte)), vma));
	spin_unlock(table_of(m, ptep));
	return VM_FAULT_WRITE;
}

/**
 * A fresh page of a mlocked vma is marked.
 *
 * @source mm/swap.c:lru_cache_add_active_or_unevictable(), Linux 3.17; mm/rmap.c:page_add_new_anon_rmap(), Linux 3.10 - K
 */
function lru_cache_add_active_or_unevictable(m: Machine, page: pfn_t, vma: vm_area_struct): void {
	if (vma_test(vma, VM_LOCKED)) m.mem_map.flags[page]! |= PG_mlocked;
}

/**
 * A fault on a swap entry: the page is found in the swap cache or read, and mapped.
 *
 * @returns VM_FAULT_* ; VM_FAULT_OOM if there is no memory for the page
 * @source mm/memory.c:do_swap_page() - K
 */
function do_swap_page(mm: mm_struct, vma: vm_area_struct, address: ulong, ptep: ptep_t, fault_flags: number, orig_pte: pteval_t): number {
	const m = mm.machine, entry = pte_to_swp_entry(m, ptep), table = table_of(m, ptep);
	let ret = 0, flags = fault_flags;
	let swapcache = lookup_swap_cache(m, entry);
	if (swapcache === 0) {
		swapcache = swapin_readahead(m, entry, vma);
		if (swapcache === 0) return VM_FAULT_OOM;
		ret = VM_FAULT_MAJOR;
	}
	may_interleave('do_swap_page: before the page lock');
	lock_page(swapcache);
	const page = ksm_might_need_to_copy(m, swapcache, vma, address);
	if (page === 0) {
		unlock_page(swapcache);
		put_page(m, swapcache);
		return VM_FAULT_OOM;
	}
	may_interleave('do_swap_page: before the page-table lock');
	spin_lock(table);
	if (!pte_same(m, ptep, orig_pte, entry)) {
		spin_unlock(table);
		unlock_page(page);
		put_page(m, page);
		if (page !== swapcache) {
			unlock_page(swapcache);
			put_page(m, swapcache);
		}
		return ret;
	}
	inc_mm_counter(mm, MM_ANONPAGES);
	dec_mm_counter(mm, MM_SWAPENTS);
	let pte = mk_pte(vma), exclusive = false;
	if ((flags & FAULT_FLAG_WRITE) !== 0 && reuse_swap_page(m, page)) {
		pte = maybe_mkwrite(pte_mkdirty(m, pte), vma);
		flags &= ~FAULT_FLAG_WRITE;
		ret |= VM_FAULT_WRITE;
		exclusive = true;
	}
	if (pte_swp_soft_dirty(orig_pte)) pte |= _PAGE_SOFT_DIRTY;
	set_pte_at(m, ptep, pte, page);
	if (page === swapcache) {
		do_page_add_anon_rmap(m, page, vma, address, exclusive);
	} else {
		page_add_new_anon_rmap(m, page, vma, address);
		lru_cache_add_active_or_unevictable(m, page, vma);
	}
	swap_free(m, entry);
	if (vm_swap_full(m) || vma_test(vma, VM_LOCKED) || PageMlocked(m, page)) try_to_free_swap(m, page);
	unlock_page(page);
	if (page !== swapcache) {
		unlock_page(swapcache);
		put_page(m, swapcache);
	}
	if ((flags & FAULT_FLAG_WRITE) !== 0) {
		ret |= do_wp_page(mm, vma, address, ptep, pte);
		return (ret & VM_FAULT_ERROR) !== 0 ? ret & VM_FAULT_ERROR : ret;
	}
	spin_unlock(table);
	return ret;
}

/**
 * A touch of the lowest page of a stack vma grows it by one, so that there is always a page in between.
 *
 * @returns 0; -ENOMEM if another mapping lies right below
 * @source mm/memory.c:check_stack_guard_page() - I
 * @model No vma grows up on x86.
 */
function check_stack_guard_page(vma: vm_area_struct, address: ulong): errno_t {
	const {PAGE_SIZE} = vma.vm_mm.arch, at = address - (address & (PAGE_SIZE - 1));
	if (!vma_test(vma, VM_GROWSDOWN) || at !== vma.vm_start) return 0;
	const prev = vma.vm_prev;
	if (prev !== null && prev.vm_end === at) return vma_test(prev, VM_GROWSDOWN) ? 0 : -ENOMEM;
	expand_downwards(vma, at - PAGE_SIZE);
	return 0;
}

/**
 * A fault on an empty entry of an anonymous vma: the zero page for a read, a new page for a write; in a userfault range neither, but SIGBUS.
 *
 * A write that ends in SIGBUS leaves the anon_vma and the page table behind; a read leaves the page table.
 *
 * @returns 0; VM_FAULT_SIGBUS, VM_FAULT_OOM
 * @source mm/memory.c:do_anonymous_page() - P; 2013-05: L
 */
function do_anonymous_page(mm: mm_struct, vma: vm_area_struct, address: ulong, ptep: ptep_t, flags: number): number {
	const m = mm.machine, table = table_of(m, ptep);
	if (check_stack_guard_page(vma, address) < 0) return because(m, D.fault_guard_page, VM_FAULT_SIGBUS);
	if ((flags & FAULT_FLAG_WRITE) === 0) {
		may_interleave('do_anonymous_page: before the page-table lock');
		spin_lock(table);
		if (pte_none(ptep_get(m, ptep))) {
			if (vma_test(vma, VM_USERFAULT)) {
				spin_unlock(table);
				return because(m, D.userfault_read, VM_FAULT_SIGBUS);
			}
			set_pte_at(m, ptep, pte_mkspecial(vma.vm_page_prot), ZERO_PAGE);
		}
		spin_unlock(table);
		return 0;
	}
	if (anon_vma_prepare(vma) !== 0) return VM_FAULT_OOM;
	const page = alloc_page_vma(m, vma);
	if (page === 0) return VM_FAULT_OOM;
	let entry = mk_pte(vma);
	if (vma_test(vma, VM_WRITE)) entry = pte_mkwrite(pte_mkdirty(m, entry));
	may_interleave('do_anonymous_page: before the page-table lock');
	spin_lock(table);
	if (!pte_none(ptep_get(m, ptep))) {
		spin_unlock(table);
		put_page(m, page);
		return 0;
	}
	if (vma_test(vma, VM_USERFAULT)) {
		spin_unlock(table);
		put_page(m, page);
		return because(m, D.userfault_write, VM_FAULT_SIGBUS);
	}
	inc_mm_counter(mm, MM_ANONPAGES);
	page_add_new_anon_rmap(m, page, vma, address);
	lru_cache_add_active_or_unevictable(m, page, vma);
	set_pte_at(m, ptep, entry, page);
	spin_unlock(table);
	return 0;
}

/** Counts a page by what it is. */
export function mm_counter(m: Machine, page: pfn_t): number {
	return PageAnon(m, page) ? MM_ANONPAGES : MM_FILEPAGES;
}

/**
 * Maps a page of a file at an entry that is empty or nonlinear.
 *
 * @param ptep - its table locked
 * @source mm/memory.c:do_set_pte(); __do_fault(), Linux 3.10 - K
 */
function do_set_pte(vma: vm_area_struct, address: ulong, page: pfn_t, ptep: ptep_t, write: boolean, anon: boolean): void {
	const mm = vma.vm_mm, m = mm.machine, old = ptep_get(m, ptep);
	let entry = mk_pte(vma);
	if (write) entry = maybe_mkwrite(pte_mkdirty(m, entry), vma);
	else if (pte_file(old) && pte_file_soft_dirty(old)) entry |= _PAGE_SOFT_DIRTY;
	if (anon) {
		inc_mm_counter(mm, MM_ANONPAGES);
		page_add_new_anon_rmap(m, page, vma, address);
	} else {
		inc_mm_counter(mm, MM_FILEPAGES);
		page_add_file_rmap(m, page);
	}
	set_pte_at(m, ptep, entry, page);
}

/** How many pages around a fault are mapped, as far as they are in the page cache: 64 KiB. */
const FAULT_AROUND_PAGES = 16;

/**
 * Maps what is in the page cache around a fault.
 *
 * @param ptep - of the address; its table locked
 * @source mm/memory.c:do_fault_around(), mm/filemap.c:filemap_map_pages() - I
 */
function do_fault_around(vma: vm_area_struct, address: ulong, ptep: ptep_t, pgoff: pgoff_t): void {
	const mm = vma.vm_mm, m = mm.machine, {PAGE_SIZE} = mm.arch, window = FAULT_AROUND_PAGES * PAGE_SIZE;
	// as many pages from where it begins, which may be past the window that the address is in, but not past the table
	const start = Math.max(Math.floor(address / window) * window, vma.vm_start), end = Math.min(addr_end(start, start + window, mm.arch.PMD_SIZE), vma.vm_end);
	const off = Math.floor((address - start) / PAGE_SIZE);
	for (let at = start, i = -off; at < end; at += PAGE_SIZE, i++) {
		const page = pte_none(ptep_get(m, ptep + i)) ? vma.vm_file!.i_pages.get(pgoff + i) : undefined;
		if (page === undefined) continue;
		get_page(m, page);
		do_set_pte(vma, at, page, ptep + i, false, false);
	}
}

/**
 * A fault on an entry of a mapping of a file: the page is found or made by the file, and mapped; or copied, for a write to a private mapping.
 *
 * @param pgoff - of the page
 * @param linear - the pages around it can be mapped too
 * @returns 0; VM_FAULT_SIGBUS past the end of the file; VM_FAULT_OOM
 * @source mm/memory.c:do_read_fault(), do_cow_fault(), do_shared_fault(); __do_fault(), Linux 3.10 - K
 */
function do_fault(mm: mm_struct, vma: vm_area_struct, address: ulong, ptep: ptep_t, flags: number, pgoff: pgoff_t, linear: boolean): number {
	const m = mm.machine, table = table_of(m, ptep), write = (flags & FAULT_FLAG_WRITE) !== 0, cow = write && !vma_test(vma, VM_SHARED);
	const orig_pte = ptep_get(m, ptep), orig_frame = pte_pfn(m, ptep), ops = vma.vm_ops!;
	if (!write && linear && ops.map_pages && m.rev.fault_around) {
		spin_lock(table);
		do_fault_around(vma, address, ptep, pgoff);
		spin_unlock(table);
		if (!pte_same(m, ptep, orig_pte, orig_frame)) return 0;
	}
	let new_page = 0;
	if (cow) {
		if (anon_vma_prepare(vma) !== 0) return VM_FAULT_OOM;
		new_page = alloc_page_vma(m, vma);
		if (new_page === 0) return VM_FAULT_OOM;
	}
	const fault_page = ops.fault!(vma, pgoff);
	if (fault_page < 0) {
		if (cow) put_page(m, new_page);
		return -fault_page;
	}
	if (cow) copy_user_highpage(m, new_page, fault_page);
	may_interleave('do_fault: before the page-table lock');
	spin_lock(table);
	const same = pte_same(m, ptep, orig_pte, orig_frame);
	if (same) {
		do_set_pte(vma, address, cow ? new_page : fault_page, ptep, write, cow);
		if (cow) lru_cache_add_active_or_unevictable(m, new_page, vma);
		else if (write) SetPageDirty(m, fault_page);
	} else if (cow) {
		put_page(m, new_page);
	}
	spin_unlock(table);
	unlock_page(fault_page);
	if (cow || !same) put_page(m, fault_page);
	return 0;
}

/** A fault on an entry that maps nothing. */
function do_pte_missing(mm: mm_struct, vma: vm_area_struct, address: ulong, ptep: ptep_t, flags: number, entry: pteval_t): number {
	if (pte_none(entry)) {
		if (vma.vm_ops === null || vma.vm_ops.fault === null) return do_anonymous_page(mm, vma, address, ptep, flags);
		return do_fault(mm, vma, address, ptep, flags, linear_page_index(vma, address), true);
	}
	// do_nonlinear_fault()
	if (pte_file(entry)) return do_fault(mm, vma, address, ptep, flags, pte_to_pgoff(mm.machine, ptep), false);
	return do_swap_page(mm, vma, address, ptep, flags, entry);
}

/**
 * Somebody has touched a page with a NUMA hint: where does it belong?
 *
 * @returns the node that it moves to, with a reference on the page more; -1 if it stays
 * @source mm/memory.c:numa_migrate_prep() - K
 */
function numa_migrate_prep(m: Machine, page: pfn_t, vma: vm_area_struct): number {
	get_page(m, page);
	return mpol_misplaced(m, page, vma);
}

/**
 * A fault on an entry with a NUMA hint: the hint ends, and the page moves to the node of the task if the policy wants it there.
 *
 * @returns 0
 * @source mm/memory.c:do_numa_page() - K
 * @model What the faults tell the scheduler is left out, and with it that tasks follow their memory: every task stays on node 0.
 */
function do_numa_page(mm: mm_struct, vma: vm_area_struct, orig_pte: pteval_t, frame: number, ptep: ptep_t): number {
	const m = mm.machine, table = table_of(m, ptep);
	spin_lock(table);
	if (!pte_same(m, ptep, orig_pte, frame)) {
		spin_unlock(table);
		return 0;
	}
	const pte = pte_mknonnuma(orig_pte);
	set_pte_bits(m, ptep, pte);
	const page = vm_normal_page(m, ptep, pte);
	if (page === 0) {
		spin_unlock(table);
		return 0;
	}
	const target_nid = numa_migrate_prep(m, page, vma);
	spin_unlock(table);
	if (target_nid === -1) put_page(m, page);
	else migrate_misplaced_page(m, page, target_nid);
	return 0;
}

/**
 * A fault below the pmd entry of a table with a NUMA hint: the hint ends, and so do those of the table's entries, from the start of the vma to the
 * end of the table, whatever vmas they are in.
 *
 * @returns 0
 * @source mm/memory.c:do_pmd_numa_page(), Linux 3.10 - K
 * @model The kernel takes the entries of PROT_NONE, which have the same bits, for hints, and makes them present; since they are not the user's either,
 * they fault as before, and here they stay as they are.
 */
function do_pmd_numa_page(mm: mm_struct, first: vm_area_struct, address: ulong, pmd: ptep_t): number {
	const m = mm.machine, {PMD_SIZE, PAGE_SIZE} = mm.arch, start = Math.floor(address / PMD_SIZE) * PMD_SIZE;
	pmd_lock_of(mm, pmd);
	pmd_mknonnuma(m, pmd);
	pmd_unlock_of(mm, pmd);
	let vma = first, at = Math.max(start, first.vm_start), pte = pte_offset(mm, pmd, at);
	const table = table_of(m, pte);
	spin_lock(table);
	for (; at < start + PMD_SIZE; at += PAGE_SIZE, pte++) {
		const bits = ptep_get(m, pte);
		if (!pte_present(bits) || !pte_numa(bits)) continue;
		if (at >= vma.vm_end) vma = find_vma(mm, at) ?? modelBug('a page without a vma');
		set_pte_bits(m, pte, pte_mknonnuma(bits));
		const page = vm_normal_page(m, pte, bits);
		if (page === 0 || page_mapcount(m, page) !== 1) continue;
		const target_nid = numa_migrate_prep(m, page, vma);
		if (target_nid === -1) {
			put_page(m, page);
			continue;
		}
		spin_unlock(table);
		migrate_misplaced_page(m, page, target_nid);
		spin_lock(table);
	}
	spin_unlock(table);
	return 0;
}

/** @source mm/memory.c:handle_pte_fault() - K */
function handle_pte_fault(mm: mm_struct, vma: vm_area_struct, address: ulong, ptep: ptep_t, flags: number): number {
	const m = mm.machine, entry = ptep_get(m, ptep), frame = pte_pfn(m, ptep);
	if (!pte_present(entry)) {
		if (pte_none(entry) && vma.vm_ops === null) return do_anonymous_page(mm, vma, address, ptep, flags);
		return do_pte_missing(mm, vma, address, ptep, flags, entry);
	}
	if (pte_numa(entry)) return do_numa_page(mm, vma, entry, frame, ptep);
	const table = table_of(m, ptep);
	may_interleave('handle_pte_fault: before the page-table lock');
	spin_lock(table);
	if (pte_same(m, ptep, entry, frame)) {
		let young = entry;
		if ((flags & FAULT_FLAG_WRITE) !== 0) {
			if (!pte_write(entry)) return do_wp_page(mm, vma, address, ptep, entry);
			young = pte_mkdirty(m, young);
		}
		set_pte_bits(m, ptep, pte_mkyoung(young));
	}
	spin_unlock(table);
	return 0;
}

/**
 * There was no memory for the copy of a huge page: the fault begins again, with the page split by now, or the huge zero page as it was.
 *
 * @returns VM_FAULT_* bits
 * @source mm/memory.c:handle_mm_fault(), Linux 3.10 - I
 * @model Where there is still no memory for a page in place of the huge zero page, the kernel goes round and round until somebody frees memory or the
 * task is killed for want of it; here it is killed.
 */
function retryWithoutMemory(mm: mm_struct, vma: vm_area_struct, address: ulong, pmd: ptep_t, flags: number): number {
	const m = mm.machine;
	if (!pmd_trans_huge(m, pmd)) return handle_pte_fault(mm, vma, address, pte_offset(mm, pmd, address), flags);
	return do_huge_pmd_wp_page(mm, vma, address, pmd, ptep_get(m, pmd));
}

/**
 * Answers a fault on an address of a vma, whose rights have been looked at.
 *
 * @returns VM_FAULT_* bits
 * @source mm/memory.c:handle_mm_fault(), __handle_mm_fault() - K
 */
export function handle_mm_fault(mm: mm_struct, vma: vm_area_struct, address: ulong, flags: number): number {
	const m = mm.machine, pmd = pmd_alloc(mm, address);
	if (pmd < 0) return VM_FAULT_OOM;
	if (pmd_none(m, pmd)) {
		if (transparent_hugepage_enabled(vma) && vma.vm_ops === null) {
			const ret = do_huge_pmd_anonymous_page(mm, vma, address, pmd, flags);
			if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
		}
		if (__pte_alloc(mm, pmd) !== 0) return VM_FAULT_OOM;
	} else if (pmd_trans_huge(m, pmd)) {
		const orig_pmd = ptep_get(m, pmd), write = (flags & FAULT_FLAG_WRITE) !== 0;
		if (pte_numa(orig_pmd)) return do_huge_pmd_numa_page(mm, vma, pmd, orig_pmd);
		if (!write || pte_write(orig_pmd)) {
			huge_pmd_set_accessed(mm, pmd, orig_pmd, pte_pfn(m, pmd), write);
			return 0;
		}
		let ret = do_huge_pmd_wp_page(mm, vma, address, pmd, orig_pmd);
		if ((ret & VM_FAULT_OOM) !== 0 && !m.rev.wp_huge_oom_falls_back) ret = retryWithoutMemory(mm, vma, address, pmd, flags);
		if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
	}
	if (pmd_numa(m, pmd)) return do_pmd_numa_page(mm, vma, address, pmd);
	return handle_pte_fault(mm, vma, address, pte_offset(mm, pmd, address), flags);
}

// get_user_pages: mm/gup.c since Linux 3.16

/**
 * Looks for the page of an address, without a fault.
 *
 * @returns the page; 0 where a fault is needed; -EFAULT for the zero page with FOLL_DUMP
 * @source mm/gup.c:follow_page_pte() - K
 */
export function follow_page(mm: mm_struct, vma: vm_area_struct, address: ulong, flags: number): number {
	const m = mm.machine, pmd = pmd_walk(mm, address);
	if (pmd < 0 || pmd_none(m, pmd)) return no_page_table(flags);
	if ((flags & FOLL_NUMA) !== 0 && pmd_numa(m, pmd)) return no_page_table(flags);
	if (pmd_trans_huge(m, pmd) && (flags & FOLL_SPLIT) !== 0) {
		split_huge_page_pmd(vma, address, pmd);
	} else if (pmd_trans_huge(m, pmd)) {
		pmd_lock_of(mm, pmd);
		const page = follow_trans_huge_pmd(vma, address, pmd, flags);
		pmd_unlock_of(mm, pmd);
		return page;
	}
	const ptep = pte_offset(mm, pmd, address), table = table_of(m, ptep);
	spin_lock(table);
	const bits = ptep_get(m, ptep);
	if (!pte_present(bits)) {
		spin_unlock(table);
		return pte_none(bits) ? no_page_table(flags) : 0;
	}
	if ((flags & FOLL_NUMA) !== 0 && pte_numa(bits)) {
		spin_unlock(table);
		return 0;
	}
	if ((flags & FOLL_WRITE) !== 0 && !pte_write(bits)) {
		spin_unlock(table);
		return 0;
	}
	let page = vm_normal_page(m, ptep, bits);
	if (page === 0) {
		if ((flags & FOLL_DUMP) !== 0 || pte_pfn(m, ptep) !== ZERO_PAGE) {
			spin_unlock(table);
			return -EFAULT;
		}
		page = ZERO_PAGE;
	}
	if ((flags & FOLL_TOUCH) !== 0 && (flags & FOLL_WRITE) !== 0 && !pte_dirty(bits) && !PageDirty(m, page)) SetPageDirty(m, page);
	if ((flags & FOLL_MLOCK) !== 0 && vma_test(vma, VM_LOCKED) && page !== ZERO_PAGE && trylock_page(page)) {
		mlock_vma_page(m, page);
		unlock_page(page);
	}
	spin_unlock(table);
	return page;
}

function no_page_table(flags: number): number {
	return (flags & FOLL_DUMP) !== 0 ? -EFAULT : 0;
}

/** Neither look at, nor fault on, what the vma does not allow. */
function check_vma_flags(vma: vm_area_struct, gup_flags: number): errno_t {
	if (vma_test(vma, VM_IO | VM_PFNMAP)) return -EFAULT;
	const force = (gup_flags & FOLL_FORCE) !== 0;
	if ((gup_flags & FOLL_WRITE) !== 0) return vma_test(vma, VM_WRITE) || (force && is_cow_mapping(vma)) ? 0 : -EFAULT;
	return vma_test(vma, VM_READ) || (force && vma_test(vma, VM_MAYREAD)) ? 0 : -EFAULT;
}

/** Takes the fault that a page needs. @returns 0; -ENOENT to go on at the next page; -ENOMEM, -EFAULT */
function faultin_page(mm: mm_struct, vma: vm_area_struct, address: ulong, gup_flags: number): errno_t {
	const m = mm.machine;
	if ((gup_flags & FOLL_MLOCK) !== 0 && stack_guard_page_start(vma, address)) return -ENOENT;
	const ret = handle_mm_fault(mm, vma, address, (gup_flags & FOLL_WRITE) !== 0 ? FAULT_FLAG_WRITE : 0);
	if ((ret & VM_FAULT_OOM) !== 0) return because(m, D.gup_fault_nomem, -ENOMEM);
	if ((ret & VM_FAULT_SIGBUS) !== 0) return because(m, D.gup_fault_sigbus, -EFAULT);
	return 0;
}

/**
 * Faults in the pages of a range, as far as they are not there.
 *
 * @param start - bytes, page-aligned
 * @param nr_pages - how many
 * @returns how many pages; the error of the first: -EFAULT, -ENOMEM, -ERESTARTSYS
 * @source mm/gup.c:__get_user_pages(); mm/memory.c:__get_user_pages(), Linux 3.10 - K
 * @model A reference to a page is not taken, since nothing could come before it is dropped.
 */
export function __get_user_pages(task: task_struct, mm: mm_struct, start: ulong, nr_pages: number, flags: number): number {
	const m = mm.machine, {PAGE_SIZE} = mm.arch;
	// with force, PROT_NONE would be taken for a NUMA hint
	const gup_flags = (flags & FOLL_FORCE) === 0 ? flags | FOLL_NUMA : flags;
	let vma: vm_area_struct | null = null, at = start;
	for (let i = 0; i < nr_pages; i++, at += PAGE_SIZE) {
		if (vma === null || at >= vma.vm_end) {
			vma = find_extend_vma(task, mm, at);
			if (vma === null) return i > 0 ? i : because(m, D.gup_no_vma, -EFAULT);
			if (check_vma_flags(vma, gup_flags) !== 0) return i > 0 ? i : because(m, D.gup_vma_forbids, -EFAULT);
		}
		const error = get_one_page(task, mm, vma, at, gup_flags);
		if (error < 0) return i > 0 ? i : error;
		may_interleave('get_user_pages: between two pages');
	}
	return nr_pages;
}

/** One page of __get_user_pages(). @returns the page, 0 for a skipped one, or the error */
function get_one_page(task: task_struct, mm: mm_struct, vma: vm_area_struct, at: ulong, gup_flags: number): number {
	let foll_flags = gup_flags;
	for (;;) {
		if (task.fatal_signal_pending) return because(mm.machine, D.gup_interrupted, -ERESTARTSYS);
		const page = follow_page(mm, vma, at, foll_flags);
		if (page !== 0) return page;
		const error = faultin_page(mm, vma, at, foll_flags);
		if (error === -ENOENT) return 0;
		if (error !== 0) return error;
		// copy-on-write is broken, even if the vma does not let the entry be writable
		if ((foll_flags & FOLL_WRITE) !== 0 && !vma_test(vma, VM_WRITE)) foll_flags &= ~FOLL_WRITE;
	}
}

/**
 * A `gup` row: get_user_pages as KVM uses it, page by page, without force; the pages of a write are marked dirty.
 *
 * @returns how many pages; the error of the first
 */
export function gup(task: task_struct, mm: mm_struct, start: ulong, nr_pages: number, write: boolean): number {
	const {PAGE_SIZE} = mm.arch;
	down_read(mm);
	let done = 0, got = 0;
	while (done < nr_pages && got >= 0) {
		got = __get_user_pages(task, mm, start + done * PAGE_SIZE, 1, FOLL_TOUCH | (write ? FOLL_WRITE : 0));
		if (got >= 0) done++;
	}
	up_read(mm);
	return done > 0 ? done : got;
}
