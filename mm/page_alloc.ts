import {decide, D} from '../include/linux/decisions.ts';
import {outOfFrames} from '../include/linux/bug.ts';
import {FAIL_PAGE, FAIL_PMD, FAIL_PTE, type Machine, type MemMap} from '../include/linux/machine.ts';
import {PG_head, PG_named} from '../include/linux/mm.ts';
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

/** Takes a group out of the list of those that have free frames and used ones. */
function leavePartial(mem_map: MemMap, group: number): void {
	const {group_next, group_prev} = mem_map, next = group_next[group]!, prev = group_prev[group]!;
	if (prev === 0) mem_map.partial_group = next;
	else group_next[prev] = next;
	if (next !== 0) group_prev[next] = prev;
}

function enterPartial(mem_map: MemMap, group: number): void {
	const {group_next, group_prev, partial_group: next} = mem_map;
	group_next[group] = next;
	group_prev[group] = 0;
	if (next !== 0) group_prev[next] = group;
	mem_map.partial_group = group;
}

/** @returns a group that is all free: one that was used before, or the next one */
function takeEmptyGroup(mem_map: MemMap): number {
	const group = mem_map.empty_group;
	if (group !== 0) {
		mem_map.empty_group = mem_map.group_next[group]!;
		return group;
	}
	mem_map.grow();
	return mem_map.nr_groups++;
}

/** The machine has only so many frames. @returns false if there are none left of its `ram` */
function demand(m: Machine, frames: number): boolean {
	const {mem_map} = m, used = mem_map.nr_used + frames;
	if (used > mem_map.limit) return tooMany(m, used);
	mem_map.nr_used = used;
	return true;
}

function tooMany(m: Machine, used: number): boolean {
	const {ram, max_frames} = m.mem_map;
	if (used <= ram) outOfFrames(`more than ${max_frames} page frames`);
	decide(m, D.alloc_no_memory);
	return false;
}

/**
 * Allocates one page frame, zeroed, with one reference.
 *
 * @returns the frame; 0 if the allocation fails
 * @throws OutOfFrames when the machine has no more frames
 * @source mm/page_alloc.c:__alloc_pages_nodemask() - I
 * @model No zones, no watermarks, no reclaim but what a row asks for: memory ends where fail_alloc or `ram` says so, which page tables do not
 * count for. Groups of frames stand for the buddy lists.
 */
export function alloc_page(m: Machine): pfn_t {
	if (shouldFail(m, FAIL_PAGE) || !demand(m, 1)) return 0;
	const {mem_map} = m;
	let group = mem_map.partial_group;
	if (group === 0) {
		group = takeEmptyGroup(mem_map);
		enterPartial(mem_map, group);
	}
	let page = mem_map.group_free[group]!;
	if (page === 0) {
		page = group * mem_map.group_frames + mem_map.group_fresh[group]!++;
	} else {
		mem_map.group_free[group] = mem_map.index[page]!;
		mem_map.index[page] = 0;
	}
	if (++mem_map.group_used[group]! === mem_map.group_frames) leavePartial(mem_map, group);
	mem_map._count[page] = 1;
	return page;
}

/**
 * Allocates a huge page: as many frames in a row as a pte table has entries.
 *
 * @returns the first frame, which alone has a count and flags; 0 if there is no memory
 * @model The memory is never too scattered for one.
 */
export function alloc_huge_page(m: Machine): pfn_t {
	const {mem_map} = m, {group_frames} = mem_map;
	if (!demand(m, group_frames)) return 0;
	const group = takeEmptyGroup(mem_map), page = group * group_frames;
	mem_map.group_used[group] = group_frames;
	mem_map.group_fresh[group] = group_frames;
	mem_map._count[page] = 1;
	mem_map.flags[page] = PG_head;
	return page;
}

/** Drops a reference; the last one frees the frame, or all frames of a huge page. */
export function put_page(m: Machine, page: pfn_t): void {
	if (--m.mem_map._count[page]! !== 0) return;
	if ((m.mem_map.flags[page]! & PG_head) === 0) free_hot_cold_page(m, page);
	else for (let i = 0; i < m.mem_map.group_frames; i++) free_hot_cold_page(m, page + i);
}

/**
 * Takes a frame back: the name that was bound to it dies, and the columns are as a fresh frame's.
 *
 * @source mm/page_alloc.c:free_hot_cold_page() - I
 */
function free_hot_cold_page(m: Machine, page: pfn_t): void {
	const {mem_map} = m, group = page >> mem_map.group_shift;
	if ((mem_map.flags[page]! & PG_named) !== 0) m.names?.frameDied(page);
	mem_map.flags[page] = 0;
	mem_map.mapping[page] = 0;
	mem_map.token_lo[page] = 0;
	if (mem_map.token_hi[page] !== 0) mem_map.token_hi[page] = 0;
	mem_map.nr_used--;
	mem_map.index[page] = mem_map.group_free[group]!;
	mem_map.group_free[group] = page;
	const used = --mem_map.group_used[group]!;
	if (used === mem_map.group_frames - 1) enterPartial(mem_map, group);
	if (used === 0) emptyGroup(mem_map, group);
}

/** All frames of a group are free again. */
function emptyGroup(mem_map: MemMap, group: number): void {
	leavePartial(mem_map, group);
	for (let page = mem_map.group_free[group]!; page !== 0;) {
		const next = mem_map.index[page]!;
		mem_map.index[page] = 0;
		page = next;
	}
	mem_map.group_free[group] = 0;
	mem_map.group_fresh[group] = 0;
	mem_map.group_next[group] = mem_map.empty_group;
	mem_map.empty_group = group;
}

/** @returns an empty pte table; 0 if the allocation fails */
export function pte_alloc_one(m: Machine): number {
	return shouldFail(m, FAIL_PTE) ? 0 : m.tables.alloc();
}

/** @returns an empty pmd table; 0 if the allocation fails */
export function pmd_alloc_one(m: Machine): number {
	// a level that is folded takes no page
	return m.arch.PTRS_PER_PMD > 1 && shouldFail(m, FAIL_PMD) ? 0 : m.tables.alloc();
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
