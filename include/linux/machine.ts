import type {Arch} from '../asm-generic/arch.ts';
import {archs} from '../../arch/arch.ts';
import {type Convention, conventionOf, errnosOf, syscallTable, type SyscallByNumber} from '../../arch/convention.ts';
import type {ArchitectureName, Numbers} from './abi.ts';
import {OutOfFrames} from './bug.ts';
import {DECISIONS_KEPT, decisionNames} from './decisions.ts';
import type {file} from './fs.ts';
import type {mm_struct, task_struct} from './mm_types.ts';
import {DEFAULT_REVISION, type Revision, type RevisionName, revisions} from './revision.ts';
import type {anon_vma} from './rmap.ts';
import {TWO_32} from './types.ts';

/** What a trace's configuration rows say; see docs/trace-format.md. */
export interface Config {
	readonly revision: RevisionName;
	readonly arch: ArchitectureName;
	readonly thp: 'always' | 'madvise' | 'never';
	readonly thp_zero_page: boolean;
	/** Slots of swap space; 0 is none. */
	readonly swap: number;
	/** Page frames that user memory and page caches may have; an allocation past it fails. */
	readonly ram: number;
	readonly max_map_count: number;
	readonly ksm: boolean;
	/** The call is built in. */
	readonly remap_anon_pages: boolean;
	readonly khugepaged_max_ptes_none: number;
	/** Page frames that the machine may use at the most. */
	readonly max_pages: number;
}

export const DEFAULT_CONFIG: Config = {
	revision: DEFAULT_REVISION,
	arch: 'x86_64',
	thp: 'always',
	thp_zero_page: true,
	swap: 0,
	ram: Infinity,
	max_map_count: 65530,
	ksm: true,
	remap_anon_pages: true,
	khugepaged_max_ptes_none: 511,
	max_pages: 2 ** 24,
};

/**
 * A larger copy of a column. Typed arrays begin as zeroes that the system gives memory to only when they are written, so growing in few, large
 * steps costs no memory for what is not used yet.
 */
function larger(column: Int32Array, length: number): Int32Array<ArrayBuffer> {
	const copy = new Int32Array(length);
	copy.set(column);
	return copy;
}

/** How much a column grows when it is full. */
const GROWTH = 16;

/** Frames with a meaning of their own; 0 is no page. */
export const ZERO_PAGE = 1;
export const HUGE_ZERO_PAGE = 2;

/** How many frames and groups the columns begin with. A group may have as many as 1024. */
const FIRST_FRAMES = 8192;

/** `struct page` of every frame, as columns by frame. */
export class MemMap {
	/** Groups of frames that were ever used. */
	nr_groups = 1;
	/** Frames in use now, the zero pages not counted. */
	nr_used = 0;
	readonly max_frames: number;
	readonly ram: number;
	/** The lesser of the two, which an allocation looks at. */
	readonly limit: number;
	/** Frames of a group: as many as a huge page has, or would have. Group 0 holds the frames that are never given out: no page, and the two zero pages. */
	readonly group_frames: number;
	/** The power of two that it is. */
	readonly group_shift: number;
	// Frames are given out from groups of the size of a huge page, so that one that is all free again can be one. By group:
	/** How many frames of the group are in use. */
	group_used = new Int32Array(16);
	/** Frames from here on were not used since the group was all free. */
	group_fresh = new Int32Array(16);
	/** The first of its other free frames, which are chained by `index`; 0 if there are none. */
	group_free = new Int32Array(16);
	/** The neighbours among the groups that have free frames and used ones; 0 for none. */
	group_next = new Int32Array(16);
	group_prev = new Int32Array(16);
	/** The first group that has free frames and used ones, and the first of those that are all free, which are chained by `group_next`. */
	partial_group = 0;
	empty_group = 0;
	_count = new Int32Array(FIRST_FRAMES);
	/** How many ptes map it: the kernel's _mapcount plus 1. */
	_mapcount = new Int32Array(FIRST_FRAMES);
	/** `PG_*`, and in the four highest bits those of the index from 32 up. */
	flags = new Int32Array(FIRST_FRAMES);
	/** The id of the anon_vma, or of the file; 0 for none. */
	mapping = new Int32Array(FIRST_FRAMES);
	/** Bits 0 to 31. */
	index = new Int32Array(FIRST_FRAMES);
	/** The slot of a page in the swap cache. */
	private_ = new Int32Array(FIRST_FRAMES);
	/** The content: one 64-bit token a page. */
	token_lo = new Int32Array(FIRST_FRAMES);
	token_hi = new Int32Array(FIRST_FRAMES);

	constructor(max_frames: number, ram: number, group_frames: number) {
		this.max_frames = max_frames;
		this.ram = ram;
		this.limit = Math.min(ram, max_frames);
		this.group_frames = group_frames;
		this.group_shift = Math.log2(group_frames);
		this._count[ZERO_PAGE] = 1;
	}

	/** One past the highest frame that was ever used. */
	get nr_frames(): number {
		return this.nr_groups * this.group_frames;
	}

	/** Makes room for another group. */
	grow(): void {
		if ((this.nr_groups + 1) * this.group_frames <= this.flags.length) return;
		const length = this.flags.length * GROWTH, groups = length / this.group_frames;
		this.group_used = larger(this.group_used, groups);
		this.group_fresh = larger(this.group_fresh, groups);
		this.group_free = larger(this.group_free, groups);
		this.group_next = larger(this.group_next, groups);
		this.group_prev = larger(this.group_prev, groups);
		this._count = larger(this._count, length);
		this._mapcount = larger(this._mapcount, length);
		this.flags = larger(this.flags, length);
		this.mapping = larger(this.mapping, length);
		this.index = larger(this.index, length);
		this.private_ = larger(this.private_, length);
		this.token_lo = larger(this.token_lo, length);
		this.token_hi = larger(this.token_hi, length);
	}
}

/** The entries of all page tables of all address spaces and levels, as two columns; table `t` begins at `t << shift`. */
export class PageTables {
	/** Entries of the largest table, and the power of two that it is. */
	readonly stride: number;
	readonly shift: number;
	readonly max_tables: number;
	/** One past the highest table that was ever used; table 0 is none. */
	nr_tables = 1;
	/** The first free table, chained by the frame of entry 0; 0 if there are none. */
	free_table = 0;
	nr_used = 0;
	/** `_PAGE_*`; 0 is an empty entry. */
	bits: Int32Array;
	/** The frame, the swap slot, or the table of the next level. */
	frame: Int32Array;

	constructor(stride: number, max_tables: number) {
		this.stride = stride;
		this.shift = Math.log2(stride);
		this.max_tables = max_tables;
		this.bits = new Int32Array(64 * stride);
		this.frame = new Int32Array(64 * stride);
	}

	/** @returns an empty table */
	alloc(): number {
		this.nr_used++;
		const free = this.free_table;
		if (free !== 0) {
			this.free_table = this.frame[free * this.stride]!;
			this.frame[free * this.stride] = 0;
			return free;
		}
		if (this.nr_tables * this.stride >= this.bits.length) this.grow();
		return this.nr_tables++;
	}

	/** @param table - with every entry empty */
	free(table: number): void {
		this.nr_used--;
		this.frame[table * this.stride] = this.free_table;
		this.free_table = table;
	}

	private grow(): void {
		if (this.nr_tables >= this.max_tables) throw new OutOfFrames(`more than ${this.max_tables} page tables`);
		const length = Math.min(this.bits.length * GROWTH, this.max_tables * this.stride);
		this.bits = larger(this.bits, length);
		this.frame = larger(this.frame, length);
	}
}

/** `struct swap_info_struct`: one area, as columns by slot. Slot 0 is the header and never given out. */
export class SwapInfo {
	/** Slots that can be given out. */
	readonly pages: number;
	inuse_pages = 0;
	/** Where the search for a free slot begins. */
	cluster_next = 1;
	/** How many entries of page tables hold the slot: swap_map without SWAP_HAS_CACHE. */
	count = new Int32Array(1024);
	/** The page of the swap cache; 0 for none: SWAP_HAS_CACHE and the radix tree in one. */
	cache = new Int32Array(1024);
	/** 1: a name of a recording is bound to it. */
	named = new Int32Array(1024);
	token_lo = new Int32Array(1024);
	token_hi = new Int32Array(1024);

	constructor(pages: number) {
		this.pages = pages;
	}

	/** Makes room for a slot. */
	reach(slot: number): void {
		if (slot < this.count.length) return;
		const length = Math.min(this.count.length * GROWTH, this.pages + 1);
		this.count = larger(this.count, length);
		this.cache = larger(this.cache, length);
		this.named = larger(this.named, length);
		this.token_lo = larger(this.token_lo, length);
		this.token_hi = larger(this.token_hi, length);
	}
}

/** What dies and had a name of a recording bound to it is told to the one who keeps the names. */
export interface NameKeeper {
	frameDied(frame: number): void;
	slotDied(slot: number): void;
	anonVmaDied(id: number): void;
}

// indexes of Machine.failing: what fail_alloc can name
export const FAIL_PAGE = 0;
export const FAIL_PTE = 1;
export const FAIL_PMD = 2;
export const FAIL_ANON_VMA = 3;
export const FAIL_HUGE = 4;
export const failKinds = ['page', 'pte', 'pmd', 'anon_vma', 'huge'] as const;

/** Names of `vmstat` rows, by counter. */
export const vmEvents = ['thp_fault_alloc', 'thp_split', 'thp_zero_page_alloc', 'pswpin', 'pswpout'] as const;
export const THP_FAULT_ALLOC = 0;
export const THP_SPLIT = 1;
export const THP_ZERO_PAGE_ALLOC = 2;
export const PSWPIN = 3;
export const PSWPOUT = 4;

/** One machine: its memory, its page tables, its swap space, its tasks, and the kernel's global variables. */
export class Machine {
	readonly config: Config;
	readonly rev: Revision;
	readonly arch: Arch;
	/** A row has to be adapted before mm reckons with it: other flags, or narrower words. */
	readonly adapts: boolean;
	/** How the architecture's numbers become mm's; null where they are the same. */
	readonly convention: Convention | null;
	/** The architecture's errno by name. */
	readonly errnos: Numbers;
	readonly syscalls: SyscallByNumber;
	readonly mem_map: MemMap;
	readonly tables: PageTables;
	readonly swap: SwapInfo;
	readonly tasks = new Map<number, task_struct>();
	/** Every address space that a task uses. */
	readonly mms = new Set<mm_struct>();
	/** The living anon_vmas by id. */
	readonly anon_vmas = new Map<number, anon_vma>();
	/** The one that was found last; null once it is dead. */
	last_anon_vma: anon_vma | null = null;
	next_anon_vma = 1;
	/** The files by descriptor, which all tasks share, and all that are open or mapped by id. */
	readonly fds = new Map<number, file>();
	readonly files = new Map<number, file>();
	next_file = 1;
	/** How many allocations of each kind succeed before one fails; -1: none fails. */
	readonly failing = new Int32Array(failKinds.length).fill(-1);
	readonly vm_events = new Float64Array(vmEvents.length);
	/** How often each decision was taken. */
	readonly taken = new Float64Array(decisionNames.length);
	/** The last decisions of the row, and how many there were. */
	readonly decided = new Int32Array(DECISIONS_KEPT);
	nr_decided = 0;
	/** Where a recording says that the next mapping without MAP_FIXED goes; -1 where it does not say. */
	recorded_address = -1;
	names: NameKeeper | null = null;
	/** The node that khugepaged took its last huge page from; -1 before. */
	last_khugepaged_target_node = -1;

	constructor(config: Partial<Config> = {}) {
		this.arch = archs[config.arch ?? DEFAULT_CONFIG.arch];
		this.config = {...DEFAULT_CONFIG, khugepaged_max_ptes_none: this.arch.PTRS_PER_PTE - 1, ...config};
		this.rev = revisions[this.config.revision];
		this.convention = conventionOf(this.arch.name, this.rev);
		this.adapts = this.convention !== null || this.arch.ULONG_RANGE === TWO_32;
		this.errnos = errnosOf(this.arch.name, this.rev);
		this.syscalls = syscallTable(this.arch.name, this.rev);
		this.mem_map = new MemMap(this.config.max_pages, this.config.ram, this.arch.PTRS_PER_PTE);
		const stride = Math.max(this.arch.PTRS_PER_PTE, this.arch.PTRS_PER_PMD, this.arch.PTRS_PER_PUD, this.arch.PTRS_PER_PGD);
		this.tables = new PageTables(stride, 4096 + Math.ceil(this.config.max_pages / 64));
		this.swap = new SwapInfo(this.config.swap);
	}
}
