import {ENOENT} from '../include/asm-generic/errno.ts';
import {modelBug} from '../include/linux/bug.ts';
import {assert_page_locked, swap_lock, swap_unlock, trylock_page, unlock_page} from '../include/linux/lockdep.ts';
import type {Machine} from '../include/linux/machine.ts';
import {get_page, page_mapcount, page_mapped, PageKsm, PageSwapCache, SetPageDirty} from '../include/linux/mm.ts';
import type {errno_t, pfn_t, swp_entry_t} from '../include/linux/types.ts';
import {put_page} from './page_alloc.ts';
import {delete_from_swap_cache} from './swap_state.ts';

// mm/swapfile.c. A slot has a count of the entries that hold it, and the swap cache may hold it besides.

/** More than half of the swap space is in use: then a page that comes in gives its slot up. */
export function vm_swap_full(m: Machine): boolean {
	return (m.swap.pages - m.swap.inuse_pages) * 2 < m.swap.pages;
}

/**
 * Takes a free slot for the swap cache.
 *
 * @returns the slot; 0 if there is none
 * @source mm/swapfile.c:get_swap_page(), scan_swap_map() - I
 * @model Slots are names, so how the kernel clusters them is left out: the search goes on from the last one, round and round.
 */
export function get_swap_page(m: Machine): swp_entry_t {
	const {swap} = m;
	if (swap.inuse_pages >= swap.pages) return 0;
	swap_lock();
	const slot = scan_swap_map(m);
	if (slot !== 0) {
		swap.inuse_pages++;
		swap.cluster_next = slot + 1;
	}
	swap_unlock();
	return slot;
}

function scan_swap_map(m: Machine): swp_entry_t {
	const {swap} = m;
	for (let tried = 0, slot = swap.cluster_next; tried < swap.pages; tried++, slot++) {
		if (slot > swap.pages) slot = 1;
		swap.reach(slot);
		if (swap.count[slot] !== 0) continue;
		if (swap.cache[slot] === 0 || (vm_swap_full(m) && __try_to_reclaim_swap(m, slot))) return slot;
	}
	return 0;
}

/** When swap space is short: the slot of a page that only the swap cache holds is taken from it. @returns whether it is free now */
function __try_to_reclaim_swap(m: Machine, slot: swp_entry_t): boolean {
	const page = m.swap.cache[slot]!;
	swap_unlock();
	get_page(m, page);
	let freed = false;
	if (trylock_page(page)) {
		freed = try_to_free_swap(m, page);
		unlock_page(page);
	}
	put_page(m, page);
	swap_lock();
	return freed;
}

/** One holder less, of the entries or the swap cache; without any the slot is free, and its name dies. */
function swap_entry_free(m: Machine, entry: swp_entry_t, cache: boolean): void {
	const {swap} = m;
	if (cache) swap.cache[entry] = 0;
	else if (swap.count[entry]!-- === 0) modelBug('a swap entry is freed that nobody holds');
	if (swap.count[entry] !== 0 || swap.cache[entry] !== 0) return;
	swap.inuse_pages--;
	swap.token_lo[entry] = 0;
	swap.token_hi[entry] = 0;
	if (swap.named[entry] === 0) return;
	swap.named[entry] = 0;
	m.names?.slotDied(entry);
}

/** An entry of a page table gives the slot up. */
export function swap_free(m: Machine, entry: swp_entry_t): void {
	swap_lock();
	swap_entry_free(m, entry, false);
	swap_unlock();
}

/** The swap cache gives the slot up. */
export function swapcache_free(m: Machine, entry: swp_entry_t): void {
	swap_lock();
	swap_entry_free(m, entry, true);
	swap_unlock();
}

/**
 * One more entry holds the slot.
 *
 * @source mm/swapfile.c:swap_duplicate() - K
 * @model The count has no upper end: the kernel continues it in further pages, which are never refused here.
 */
export function swap_duplicate(m: Machine, entry: swp_entry_t): void {
	swap_lock();
	m.swap.count[entry]!++;
	swap_unlock();
}

/**
 * May a page be read into the swap cache for this slot?
 *
 * @returns 0; -ENOENT if no entry holds the slot any more
 * @source mm/swapfile.c:swapcache_prepare() - I
 * @model The caller has looked into the swap cache, so -EEXIST cannot happen.
 */
export function swapcache_prepare(m: Machine, entry: swp_entry_t): errno_t {
	return m.swap.count[entry] === 0 ? -ENOENT : 0;
}

/** How many entries hold the slot of a page in the swap cache. */
export function page_swapcount(m: Machine, page: pfn_t): number {
	return m.swap.count[m.mem_map.private_[page]!]!;
}

/**
 * How many entries hold a slot; the swap cache does not count.
 *
 * @source mm/swapfile.c:swp_entry_swapcount() - P
 */
export function swp_entry_swapcount(m: Machine, entry: swp_entry_t): number {
	swap_lock();
	const count = m.swap.count[entry]!;
	swap_unlock();
	return count;
}

/**
 * May a page be written without copying it? Nobody else maps it or holds its slot; then the slot goes.
 *
 * @param page - locked, anonymous
 * @source mm/swapfile.c:reuse_swap_page() - K
 */
export function reuse_swap_page(m: Machine, page: pfn_t): boolean {
	assert_page_locked(page);
	if (PageKsm(m, page)) return false;
	let count = page_mapcount(m, page);
	if (count <= 1 && PageSwapCache(m, page)) {
		count += page_swapcount(m, page);
		if (count === 1) {
			delete_from_swap_cache(m, page);
			SetPageDirty(m, page);
		}
	}
	return count <= 1;
}

/**
 * Takes a page out of the swap cache if no entry holds its slot.
 *
 * @param page - locked
 * @source mm/swapfile.c:try_to_free_swap() - K
 */
export function try_to_free_swap(m: Machine, page: pfn_t): boolean {
	assert_page_locked(page);
	if (!PageSwapCache(m, page) || page_swapcount(m, page) !== 0) return false;
	delete_from_swap_cache(m, page);
	SetPageDirty(m, page);
	return true;
}

/**
 * An entry of a page table goes, and with the last one the page that only the swap cache still has.
 *
 * @source mm/swapfile.c:free_swap_and_cache() - K
 */
export function free_swap_and_cache(m: Machine, entry: swp_entry_t): void {
	swap_lock();
	swap_entry_free(m, entry, false);
	const page = m.swap.count[entry] === 0 ? m.swap.cache[entry]! : 0;
	if (page !== 0) {
		get_page(m, page);
		trylock_page(page);
	}
	swap_unlock();
	if (page === 0) return;
	if (PageSwapCache(m, page) && (!page_mapped(m, page) || vm_swap_full(m))) {
		delete_from_swap_cache(m, page);
		SetPageDirty(m, page);
	}
	unlock_page(page);
	put_page(m, page);
}
