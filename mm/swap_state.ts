import {trylock_page, unlock_page} from '../include/linux/lockdep.ts';
import {type Machine, PSWPIN, PSWPOUT} from '../include/linux/machine.ts';
import {get_page, page_mapped, PageSwapCache, PG_dirty, PG_swapcache, SetPageDirty} from '../include/linux/mm.ts';
import type {vm_area_struct} from '../include/linux/mm_types.ts';
import type {pfn_t, swp_entry_t} from '../include/linux/types.ts';
import {alloc_page_vma} from './mempolicy.ts';
import {put_page, write_token} from './page_alloc.ts';
import {get_swap_page, swapcache_free, swapcache_prepare, try_to_free_swap} from './swapfile.ts';
import {count_vm_event} from './vmstat.ts';

// mm/swap_state.c and mm/page_io.c: the swap cache

function add_to_swap_cache(m: Machine, page: pfn_t, entry: swp_entry_t): void {
	get_page(m, page);
	m.mem_map.flags[page]! |= PG_swapcache;
	m.mem_map.private_[page] = entry;
	m.swap.cache[entry] = page;
}

/**
 * Gives an anonymous page a slot and a place in the swap cache.
 *
 * @param page - locked
 * @returns false if there is no slot
 * @source mm/swap_state.c:add_to_swap() - K
 */
export function add_to_swap(m: Machine, page: pfn_t): boolean {
	const entry = get_swap_page(m);
	if (entry === 0) return false;
	add_to_swap_cache(m, page, entry);
	SetPageDirty(m, page);
	return true;
}

/** Without the references: what delete_from_swap_cache and remove_mapping share. */
export function __delete_from_swap_cache(m: Machine, page: pfn_t): swp_entry_t {
	const entry = m.mem_map.private_[page]!;
	m.mem_map.private_[page] = 0;
	m.mem_map.flags[page]! &= ~PG_swapcache;
	return entry;
}

/** @param page - locked, in the swap cache, and with a reference that does not come from it */
export function delete_from_swap_cache(m: Machine, page: pfn_t): void {
	swapcache_free(m, __delete_from_swap_cache(m, page));
	put_page(m, page);
}

/** A page of the swap cache that nothing maps, and whose slot no entry holds, leaves it. */
function free_swap_cache(m: Machine, page: pfn_t): void {
	if (!PageSwapCache(m, page) || page_mapped(m, page) || !trylock_page(page)) return;
	try_to_free_swap(m, page);
	unlock_page(page);
}

/** @source mm/swap_state.c:free_page_and_swap_cache() - K */
export function free_page_and_swap_cache(m: Machine, page: pfn_t): void {
	free_swap_cache(m, page);
	put_page(m, page);
}

/** @returns the page with a reference more; 0 if the swap cache does not have it */
export function lookup_swap_cache(m: Machine, entry: swp_entry_t): pfn_t {
	const page = m.swap.cache[entry]!;
	if (page !== 0) get_page(m, page);
	return page;
}

/**
 * Brings a swapped page to the swap cache, if it is not there yet. A page that is read has no anon_vma and no index until it is mapped.
 *
 * @param vma - whose policy says which node the page comes from
 * @returns the page with a reference more; 0 if there is no memory, or nobody holds the slot any more
 * @source mm/swap_state.c:read_swap_cache_async(), mm/page_io.c:swap_readpage() - K
 * @model Reading ends at once.
 */
export function read_swap_cache_async(m: Machine, entry: swp_entry_t, vma: vm_area_struct | null): pfn_t {
	const found = lookup_swap_cache(m, entry);
	if (found !== 0) return found;
	const page = alloc_page_vma(m, vma);
	if (page === 0) return 0;
	if (swapcache_prepare(m, entry) !== 0) {
		put_page(m, page);
		return 0;
	}
	add_to_swap_cache(m, page, entry);
	write_token(m, page, m.swap.token_lo[entry]!, m.swap.token_hi[entry]!);
	count_vm_event(m, PSWPIN);
	return page;
}

/**
 * A fault reads the page that it needs.
 *
 * @source mm/swap_state.c:swapin_readahead() - K
 * @model No readahead: docs/trace-format.md has it that a fault reads that page only.
 */
export function swapin_readahead(m: Machine, entry: swp_entry_t, vma: vm_area_struct): pfn_t {
	return read_swap_cache_async(m, entry, vma);
}

/**
 * Writes a dirty page to its slot.
 *
 * @source mm/page_io.c:swap_writepage(), mm/vmscan.c:pageout() - K
 * @model Writing ends at once.
 */
export function swap_writepage(m: Machine, page: pfn_t): void {
	const {mem_map, swap} = m, entry = mem_map.private_[page]!;
	mem_map.flags[page]! &= ~PG_dirty;
	swap.token_lo[entry] = mem_map.token_lo[page]!;
	swap.token_hi[entry] = mem_map.token_hi[page]!;
	count_vm_event(m, PSWPOUT);
}
