import {decide, D} from '../include/linux/decisions.ts';
import {FAIL_PAGE, FAIL_PMD, FAIL_PTE, type Machine} from '../include/linux/machine.ts';
import {PG_named} from '../include/linux/mm.ts';
import type {pfn_t} from '../include/linux/types.ts';

// mm/page_alloc.c and the put_page() of mm/swap.c

/** fail_alloc has asked that this allocation fails. */
export function shouldFail(m: Machine, kind: number): boolean {
	const left = m.failing[kind]!;
	if (left < 0) return false;
	m.failing[kind] = left - 1;
	if (left > 0) return false;
	decide(m, D.alloc_failed);
	return true;
}

/**
 * Allocates one page frame, zeroed, with one reference.
 *
 * @returns the frame; 0 if the allocation fails
 * @throws OutOfFrames when the machine has no more frames
 * @source mm/page_alloc.c:__alloc_pages_nodemask() - I
 * @model No zones, no lists, no watermarks, no reclaim: memory ends only where fail_alloc says so.
 */
export function alloc_page(m: Machine): pfn_t {
	if (shouldFail(m, FAIL_PAGE)) return 0;
	const {mem_map} = m;
	let page = mem_map.free_frame;
	if (page !== 0) {
		mem_map.free_frame = mem_map.index[page]!;
		mem_map.index[page] = 0;
	} else {
		if (mem_map.nr_frames >= mem_map.flags.length) mem_map.grow();
		page = mem_map.nr_frames++;
	}
	mem_map.nr_used++;
	mem_map._count[page] = 1;
	return page;
}

/** Drops a reference; the last one frees the frame. */
export function put_page(m: Machine, page: pfn_t): void {
	if (--m.mem_map._count[page]! === 0) free_hot_cold_page(m, page);
}

/**
 * Takes a frame back: the name that was bound to it dies, and the columns are as a fresh frame's.
 *
 * @source mm/page_alloc.c:free_hot_cold_page() - I
 */
function free_hot_cold_page(m: Machine, page: pfn_t): void {
	const {mem_map} = m;
	if ((mem_map.flags[page]! & PG_named) !== 0) m.names?.frameDied(page);
	mem_map.flags[page] = 0;
	mem_map.mapping[page] = 0;
	mem_map.token_lo[page] = 0;
	if (mem_map.token_hi[page] !== 0) mem_map.token_hi[page] = 0;
	mem_map.index[page] = mem_map.free_frame;
	mem_map.free_frame = page;
	mem_map.nr_used--;
}

/** @returns an empty pte table; 0 if the allocation fails */
export function pte_alloc_one(m: Machine): number {
	return shouldFail(m, FAIL_PTE) ? 0 : m.tables.alloc();
}

/** @returns an empty pmd table; 0 if the allocation fails */
export function pmd_alloc_one(m: Machine): number {
	return shouldFail(m, FAIL_PMD) ? 0 : m.tables.alloc();
}

/**
 * @returns an empty pud table
 * @model fail_alloc names no pud, so this never fails.
 */
export function pud_alloc_one(m: Machine): number {
	return m.tables.alloc();
}

/** What user memory holds: a page's token, as two words. */
export function write_token(m: Machine, page: pfn_t, lo: number, hi: number): void {
	const {mem_map} = m;
	mem_map.token_lo[page] = lo;
	// the upper words stay untouched, and cost no memory, as long as tokens are small
	if (mem_map.token_hi[page] !== hi) mem_map.token_hi[page] = hi;
}

/** cow_user_page(), copy_user_highpage(): the copy holds the same token. */
export function copy_user_highpage(m: Machine, to: pfn_t, from: pfn_t): void {
	write_token(m, to, m.mem_map.token_lo[from]!, m.mem_map.token_hi[from]!);
}
