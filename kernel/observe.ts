import {empty_until, is_migration_entry, pmd_none, pmd_trans_huge, pmd_walk, pte_dirty, pte_file, pte_file_soft_dirty, pte_none, pte_numa, pte_to_pgoff, pte_offset, pte_pfn, pte_present, pte_special, pte_swp_soft_dirty, pte_write, pte_young,
	ptep_get} from '../include/asm-generic/pgtable.ts';
import {_PAGE_SOFT_DIRTY} from '../arch/x86/pgtable.ts';
import {HUGE_ZERO_PAGE, ZERO_PAGE} from '../include/linux/machine.ts';
import {page_index, page_mapcount, PageAnon, PageKsm, PageMlocked, PageSwapCache} from '../include/linux/mm.ts';
import type {mm_struct} from '../include/linux/mm_types.ts';
import {TWO_32, type ulong} from '../include/linux/types.ts';

// What is at an address, in the words of the trace format

/** The words that hold or do not hold, in the order in which they are printed; a word's bit is its place here. */
export const WORDS = ['none', 'present', 'swap', 'migration', 'nonlinear', 'huge', 'base', 'rw', 'ro', 'dirty', 'clean', 'young', 'old', 'softdirty', 'numa',
	'anon', 'file', 'zero', 'ksm', 'swapcache', 'locked'] as const;

export type Word = typeof WORDS[number];

/** The bit of a word. */
export const WORD_BIT = Object.fromEntries(WORDS.map((word, bit) => [word, 1 << bit])) as Readonly<Record<Word, number>>;

const {none: NONE, present: PRESENT, swap: SWAP, nonlinear: NONLINEAR, huge: HUGE, base: BASE, rw: RW, ro: RO, dirty: DIRTY, clean: CLEAN, young: YOUNG, old: OLD, softdirty: SOFTDIRTY,
	anon: ANON, file: FILE, zero: ZERO, swapcache: SWAPCACHE, locked: LOCKED} = WORD_BIT;

/** The words with a number, in the order in which they are printed. */
export const NUMBERS = ['pfn', 'mapcount', 'anon_vma', 'index', 'data', 'entry', 'swapcount', 'pgoff'] as const;

export type NumberWord = typeof NUMBERS[number];

/** What one page of an address space is like. One object serves for all. */
export interface PageState {
	/** The words that hold, by `WORD_BIT`. */
	words: number;
	/** The frame; 0 where there is none that has a name. */
	pfn: number;
	/** -1 where the page has none. */
	mapcount: number;
	index: number;
	/** The id of the anon_vma that page->mapping points to; 0 for none. */
	anon_vma: number;
	/** The content: false where there is none. */
	hasData: boolean;
	data_lo: number;
	data_hi: number;
	/** The swap slot; 0 where there is none. */
	entry: number;
	swapcount: number;
	/** The page offset of a nonlinear entry; -1 where it is none. */
	pgoff: number;
}

export function newPageState(): PageState {
	return {words: 0, pfn: 0, mapcount: -1, index: -1, anon_vma: 0, hasData: false, data_lo: 0, data_hi: 0, entry: 0, swapcount: -1, pgoff: -1};
}

/** Looks at an address. @param address - bytes, page-aligned */
export function observe(mm: mm_struct, address: ulong, state: PageState): void {
	state.words = NONE;
	state.pfn = 0;
	state.mapcount = -1;
	state.index = -1;
	state.anon_vma = 0;
	state.hasData = false;
	state.entry = 0;
	state.swapcount = -1;
	state.pgoff = -1;
	if (address >= mm.arch.TASK_SIZE) return;
	const m = mm.machine, pmd = pmd_walk(mm, address);
	if (pmd < 0 || pmd_none(m, pmd)) return;
	const huge = pmd_trans_huge(m, pmd), ptep = huge ? pmd : pte_offset(mm, pmd, address), bits = ptep_get(m, ptep);
	if (pte_none(bits)) return;
	if (pte_file(bits)) {
		state.words = NONLINEAR | (pte_file_soft_dirty(bits) ? SOFTDIRTY : 0);
		state.pgoff = pte_to_pgoff(m, ptep);
		return;
	}
	if (is_migration_entry(bits)) {
		state.words = WORD_BIT.migration;
		return;
	}
	if (!pte_present(bits)) {
		state.words = SWAP | (pte_swp_soft_dirty(bits) ? SOFTDIRTY : 0);
		state.entry = pte_pfn(m, ptep);
		state.swapcount = m.swap.count[state.entry]!;
		return;
	}
	state.words = PRESENT | (huge ? HUGE : BASE) | (pte_write(bits) ? RW : RO) | (pte_dirty(bits) ? DIRTY : CLEAN) | (pte_young(bits) ? YOUNG : OLD)
		| ((bits & _PAGE_SOFT_DIRTY) !== 0 ? SOFTDIRTY : 0) | (pte_numa(bits) ? WORD_BIT.numa : 0);
	state.hasData = true;
	// a driver's page: nothing more is known of it
	if (pte_special(bits) && pte_pfn(m, ptep) !== ZERO_PAGE) {
		state.words |= FILE;
		state.hasData = false;
		return;
	}
	if (pte_special(bits) || (huge && pte_pfn(m, ptep) === HUGE_ZERO_PAGE)) {
		state.words |= ZERO;
		state.data_lo = 0;
		state.data_hi = 0;
		return;
	}
	const part = huge ? (address / mm.arch.PAGE_SIZE) & (mm.arch.PTRS_PER_PTE - 1) : 0;
	observePage(mm, pte_pfn(m, ptep), part, state);
}

/** @param part - which part of a huge page it is; what its first page says holds for all */
function observePage(mm: mm_struct, page: number, part: number, state: PageState): void {
	const m = mm.machine;
	state.words |= (PageAnon(m, page) ? ANON : FILE) | (PageSwapCache(m, page) ? SWAPCACHE : 0) | (PageMlocked(m, page) ? LOCKED : 0);
	state.pfn = page + part;
	state.mapcount = page_mapcount(m, page);
	const ksm = PageKsm(m, page);
	if (ksm) state.words |= WORD_BIT.ksm;
	state.index = ksm ? -1 : page_index(m, page) + part;
	state.anon_vma = ksm || !PageAnon(m, page) ? 0 : m.mem_map.mapping[page]!;
	state.data_lo = m.mem_map.token_lo[page + part]!;
	state.data_hi = m.mem_map.token_hi[page + part]!;
}

/** Where a run of addresses that have nothing, and no table for anything, ends; the next page if the address is not in one. @param address - page-aligned */
export function nothingUntil(mm: mm_struct, address: ulong): ulong {
	if (address >= mm.arch.TASK_SIZE) return Infinity;
	const end = empty_until(mm, address);
	return end > address ? end : address + mm.arch.PAGE_SIZE;
}

/** A 64-bit number of two words, as a trace writes it: small ones decimal, addresses and large ones hexadecimal. */
export function formatWords(lo: number, hi: number): string {
	if (hi === 0 && lo >= 0) return String(lo);
	return `0x${((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)}`;
}

export function hex(address: ulong): string {
	return `0x${address.toString(16)}`;
}

/** The words that hold, and the numbers, as a `pte` row would have them. @param nameOf - what a recording calls an object; its own number if nothing */
export function describe(state: PageState, nameOf: (kind: 'pfn' | 'entry' | 'anon_vma', object: number) => string): string {
	const words: string[] = WORDS.filter((_, bit) => (state.words & (1 << bit)) !== 0);
	if (state.pfn !== 0) words.push(`pfn=${nameOf('pfn', state.pfn)}`);
	if (state.mapcount >= 0) words.push(`mapcount=${state.mapcount}`);
	if (state.anon_vma !== 0) words.push(`anon_vma=${nameOf('anon_vma', state.anon_vma)}`);
	if (state.index >= 0) words.push(`index=${state.index}`);
	if (state.hasData && state.pfn !== 0) words.push(`data=${formatWords(state.data_lo, state.data_hi)}`);
	if (state.pgoff >= 0) words.push(`pgoff=${state.pgoff}`);
	if (state.entry !== 0) words.push(`entry=${nameOf('entry', state.entry)}`, `swapcount=${state.swapcount}`);
	return words.join(' ');
}

/** The low and the high word of an exact number, together again. */
export function joinWords(lo: number, hi: number): number {
	return (hi >>> 0) * TWO_32 + (lo >>> 0);
}
