import {empty_until, pmd_none, pmd_trans_huge, pmd_walk, pte_none, pte_offset, pte_pfn, pte_present, pte_special, ptep_get} from '../include/asm-generic/pgtable.ts';
import {lock_page, may_interleave, unlock_page} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {get_page, page_mapped, PageAnon, PageDirty, PageMlocked, PageSwapCache} from '../include/linux/mm.ts';
import type {mm_struct} from '../include/linux/mm_types.ts';
import {SWAP_AGAIN, SWAP_FAIL, SWAP_MLOCK, TTU_IGNORE_ACCESS, TTU_UNMAP} from '../include/linux/rmap.ts';
import type {pfn_t, ulong} from '../include/linux/types.ts';
import {is_huge_zero_pmd, split_huge_page} from './huge_memory.ts';
import {walkPmds} from './memory.ts';
import {put_page} from './page_alloc.ts';
import {page_referenced, try_to_unmap} from './rmap.ts';
import {__delete_from_swap_cache, add_to_swap, swap_writepage} from './swap_state.ts';
import {swapcache_free, try_to_free_swap, vm_swap_full} from './swapfile.ts';

// mm/vmscan.c: reclaim, as far as a row asks for it

/**
 * Reclaims one mapped anonymous page: its young bits are cleared, it gets a slot, its entries become swap entries, it is written and freed.
 *
 * @source mm/vmscan.c:shrink_page_list() - K
 * @model One page instead of a list; the referenced bits are cleared and not heeded, which is what the recordings' `swap_out` does.
 */
function shrink_page(m: Machine, page: pfn_t): void {
	get_page(m, page);
	may_interleave('shrink_page: page isolated, before the page lock');
	lock_page(page);
	if (!shrink_locked_page(m, page)) {
		unlock_page(page);
		put_page(m, page);
	}
}

/** @returns whether the page is gone, its lock with it */
function shrink_locked_page(m: Machine, page: pfn_t): boolean {
	if (PageMlocked(m, page)) return cull_mlocked(m, page);
	page_referenced(m, page);
	if (!PageSwapCache(m, page) && !add_to_swap(m, page)) return false;
	switch (try_to_unmap(m, page, TTU_UNMAP | TTU_IGNORE_ACCESS)) {
		case SWAP_MLOCK: return cull_mlocked(m, page);
		case SWAP_FAIL:
			// activate_locked: not a candidate for swapping, so its slot is wanted for others
			if (vm_swap_full(m)) try_to_free_swap(m, page);
			return false;
		case SWAP_AGAIN: return false;
		default:
	}
	if (PageDirty(m, page)) swap_writepage(m, page);
	return __remove_mapping(m, page);
}

/** A mlocked page stays, and gives the slot up that it may have got on the way. */
function cull_mlocked(m: Machine, page: pfn_t): boolean {
	if (PageSwapCache(m, page)) try_to_free_swap(m, page);
	return false;
}

/** Takes an unmapped page out of the swap cache and frees it, if nobody but the swap cache and we hold it. */
function __remove_mapping(m: Machine, page: pfn_t): boolean {
	if (m.mem_map._count[page] !== 2) return false;
	swapcache_free(m, __delete_from_swap_cache(m, page));
	unlock_page(page);
	put_page(m, page);
	put_page(m, page);
	return true;
}

/** Calls back for each pte of a range that is not empty; huge pages are passed over. @param start - page-aligned, as is `end` */
export function forEachPte(mm: mm_struct, start: ulong, end: ulong, each: (pte: number, address: ulong) => void): void {
	const {PAGE_SIZE, PMD_SIZE, TASK_SIZE} = mm.arch, m = mm.machine;
	const last = Math.min(end, TASK_SIZE);
	for (let address = start; address < last;) {
		const pmd = pmd_walk(mm, address);
		if (pmd < 0 || pmd_none(m, pmd)) {
			address = empty_until(mm, address);
			continue;
		}
		if (pmd_trans_huge(m, pmd)) {
			address = (Math.floor(address / PMD_SIZE) + 1) * PMD_SIZE;
			continue;
		}
		const pte = pte_offset(mm, pmd, address);
		if (!pte_none(ptep_get(m, pte))) each(pte, address);
		address += PAGE_SIZE;
	}
}

/**
 * A huge page is split before a part of it is taken, whether or not there is a slot: what a `swap_out` row does, and shows in the parts that stay young.
 *
 * @source mm/swap_state.c:add_to_swap() - K
 */
function splitHugePages(mm: mm_struct, start: ulong, end: ulong): void {
	const m = mm.machine, {TASK_SIZE} = mm.arch;
	walkPmds(mm, start, Math.min(end, TASK_SIZE), pmd => {
		if (!pmd_trans_huge(m, pmd) || is_huge_zero_pmd(m, pmd)) return;
		const page = pte_pfn(m, pmd);
		if (!PageMlocked(m, page)) split_huge_page(m, page);
	});
}

/** A `swap_out` row: reclaim takes, in rising order, each anonymous page that an entry of the address space maps in the range. */
export function swap_out(mm: mm_struct, start: ulong, end: ulong): void {
	const m = mm.machine;
	splitHugePages(mm, start, end);
	forEachPte(mm, start, end, pte => {
		const bits = ptep_get(m, pte);
		if (!pte_present(bits) || pte_special(bits)) return;
		const page = pte_pfn(m, pte);
		if (PageAnon(m, page) && page_mapped(m, page)) shrink_page(m, page);
	});
}

/** A `referenced` row. @returns how many entries were young; 0 where no anonymous page is mapped */
export function referenced(mm: mm_struct, address: ulong): number {
	const m = mm.machine;
	const pmd = pmd_walk(mm, address);
	if (pmd >= 0 && pmd_trans_huge(m, pmd)) return is_huge_zero_pmd(m, pmd) ? 0 : page_referenced(m, pte_pfn(m, pmd)).referenced;
	let count = 0;
	forEachPte(mm, address, address + mm.arch.PAGE_SIZE, pte => {
		const bits = ptep_get(m, pte);
		if (pte_present(bits) && !pte_special(bits)) count = page_referenced(m, pte_pfn(m, pte)).referenced;
	});
	return count;
}
