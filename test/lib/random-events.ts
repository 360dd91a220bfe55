import {_PAGE_NUMA, _PAGE_PRESENT, _PAGE_PROTNONE, _PAGE_PSE, _PAGE_SPECIAL, _PAGE_SWAP} from '../../arch/x86/pgtable.ts';
import {madvise, map, mlockall, mremap, msync, prot, userfault} from '../../include/asm-generic/mman-common.ts';
import {failKinds, type Machine} from '../../include/linux/machine.ts';
import {vma_pages, vma_test, VM_GROWSDOWN} from '../../include/linux/mm.ts';
import type {mm_struct, task_struct, vm_area_struct} from '../../include/linux/mm_types.ts';
import {TWO_32} from '../../include/linux/types.ts';
import type {Outcome, Row} from '../../kernel/dispatch.ts';
import {EVENT, EVENTS, type EventName} from '../../kernel/events.ts';

// Rows of a trace as a seed wants them: three tasks that do everything to a few small ranges of addresses.

/** One row, with what a session would read off it besides. */
export interface Step extends Row {
	readonly task: number;
	/** The number of the new task, for `fork` and `thread`. */
	readonly child: number;
	/** What fails, for `fail_alloc`. */
	readonly kind: string;
}

/** Numbers that look random and are the same for the same seed: mulberry32. */
export class Random {
	private state: number;

	constructor(seed: number) {
		this.state = seed | 0;
	}

	/** @returns 32 bits */
	next(): number {
		this.state = (this.state + 0x6d2b79f5) | 0;
		let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return (t ^ (t >>> 14)) >>> 0;
	}

	/** @returns an integer from 0, below n */
	below(n: number): number {
		return Math.floor(this.next() / TWO_32 * n);
	}

	/** @returns an integer, both ends included */
	between(least: number, most: number): number {
		return least + this.below(most - least + 1);
	}

	chance(probability: number): boolean {
		return this.next() < probability * TWO_32;
	}

	pick<T>(items: readonly T[]): T {
		return items[this.below(items.length)]!;
	}
}

const PAGE = 4096;
const NO_WORDS = new Int32Array(6);

/** An argument of 64 bits: a number below 2^53, or one counted down from 2^64. */
export type Argument = number;

/** Makes a row. A negative argument stands for 2^64 less it. */
export function step(event: EventName, task: number, args: readonly Argument[] = [], more: {child?: number, kind?: string} = {}): Step {
	const lo = args.length === 0 ? NO_WORDS : new Int32Array(6), hi = args.length === 0 ? NO_WORDS : new Int32Array(6);
	for (let i = 0; i < args.length; i++) {
		lo[i] = args[i]! | 0;
		hi[i] = Math.floor(args[i]! / TWO_32) | 0;
	}
	return {event: EVENT[event], task, lo, hi, given: (1 << args.length) - 1, child: more.child ?? 0, kind: more.kind ?? ''};
}

function hex(lo: number, hi: number): string {
	const high = hi >>> 0, low = lo >>> 0;
	return high === 0 ? low < 65536 ? String(low) : `0x${low.toString(16)}` : `0x${high.toString(16)}${low.toString(16).padStart(8, '0')}`;
}

export const CSV_HEADER = 'event,task,a0,a1,a2,a3,a4,a5,result';

/** The row as a trace has it; nothing is recorded but the number of a new task. */
export function toCsv(row: Step): string {
	const {name} = EVENTS[row.event]!, args = Array.from(row.lo, (lo, i) => (row.given & (1 << i)) !== 0 ? hex(lo, row.hi[i]!) : '');
	if (row.kind !== '') args[0] = row.kind;
	return [name, String(row.task), ...args, row.child === 0 ? '' : String(row.child)].join(',');
}

/** A range of addresses that rows are about, in bytes. */
interface Region {
	readonly start: number;
	readonly pages: number;
	/** Huge pages fit in; rows come to their ends more often than to their middles. */
	readonly huge: boolean;
}

/** What rows are about: base pages of anonymous memory alone; or huge pages, KSM, NUMA nodes and files besides. */
export type Theme = 'base pages' | 'everything';

const HUGE_PAGES = 512, HUGE = HUGE_PAGES * 4096;
/** Pages of a range of huge pages that rows come to. */
const HOT = [0, 1, 2, 3, 255, 509, 510, 511, 512, 513, 514, 1022, 1023];
/** Descriptors: a file, a file on tmpfs, a device; and one that is none. */
const FILE = 3, SHM = 4, DEVICE = 5, NO_FILE = 9;

const {MAP_PRIVATE, MAP_SHARED, MAP_ANONYMOUS, MAP_FIXED, MAP_GROWSDOWN, MAP_LOCKED, MAP_NORESERVE, MAP_POPULATE, MAP_NONBLOCK} = map;
const MAP_32BIT = 0x40;
const {PROT_READ, PROT_WRITE, PROT_EXEC, PROT_SEM, PROT_GROWSDOWN, PROT_GROWSUP} = prot;
const HEAP = 0x0100_0000, TASK_SIZE = 2 ** 47 - PAGE;

/** Where the first region has its middle: between two pte tables, two pmd tables, two pud tables. */
const BOUNDARIES = [0x4060_0000, 0x8000_0000, 0x80_0000_0000];
/** Addresses that are none, or are far from the others. */
const FAR = [0, PAGE, TASK_SIZE - 4 * PAGE, TASK_SIZE - PAGE, TASK_SIZE, TASK_SIZE + PAGE, 2 ** 47, 2 ** 52, -PAGE, -(2 ** 47), -(2 ** 22)];
const ADVICES = [...Object.values(madvise).filter(advice => advice < 100), ...Object.values(userfault), userfault.MADV_USERFAULT, userfault.MADV_USERFAULT, userfault.MADV_NOUSERFAULT,
	madvise.MADV_DONTNEED, madvise.MADV_DONTFORK, madvise.MADV_DOFORK];
const PROTS = [0, PROT_READ, PROT_WRITE, PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC, PROT_EXEC];
const RW = PROT_READ | PROT_WRITE;
/** Error codes of a fault that a processor reports. */
const FAULTS = [0, 2, 4, 5, 6, 7, 0x14, 0x15];
/** System calls of mm by number; those of remap_anon_pages are the postings'. */
const NUMBERS: Readonly<Partial<Record<EventName, number>>> = {mmap: 9, mprotect: 10, munmap: 11, brk: 12, mremap: 25, msync: 26, mincore: 27, madvise: 28,
	mlock: 149, munlock: 150, mlockall: 151, munlockall: 152};

/** What a relative may do right after: then both have the same page at the same place. */
const REPEATED = new Set([EVENT.read, EVENT.write, EVENT.swap_out, EVENT.swap_in, EVENT.remap_anon_pages, EVENT.mprotect, EVENT.mremap]);

/** An address space gets no larger than this by mappings that no region holds, in pages. */
const MOST_PAGES = {'base pages': 360, everything: 5000} as const satisfies Record<Theme, number>;
/** A stack grows no further than this in one step, in pages. */
const FAR_BELOW = 64;

/** What makes one kind of row. */
type Maker = (events: RandomEvents, task: task_struct, mm: mm_struct) => Step;

/** How often each kind of row comes, and what makes it; tasks begin and end by other rules. */
const baseMakers: readonly (readonly [weight: number, make: Maker])[] = [
	[130, (e, task) => e.access('write', task)],
	[80,  (e, task) => e.access('read', task)],
	[15,  (e, task) => step('exec', task.pid, [e.address(task.mm!)])],
	[15,  (e, task) => e.byKernel(task, address => step('fault', task.pid, [address, e.random.pick(FAULTS)]), 1)],
	[25,  (e, task) => e.access('kwrite', task)],
	[25,  (e, task) => e.access('kread', task)],
	[40,  (e, task) => e.gup(task)],
	[75,  (e, task) => step('swap_out', task.pid, e.range(task.mm!))],
	[40,  (e, task) => step('swap_in', task.pid, e.range(task.mm!))],
	[20,  (e, task) => step('referenced', task.pid, [e.address(task.mm!)])],
	[70,  (e, task, mm) => e.mmap(task, mm)],
	[30,  (e, task, mm) => step('munmap', task.pid, e.oddRange(mm))],
	[50,  (e, task, mm) => e.mprotect(task, mm)],
	[55,  (e, task, mm) => e.mremap(task, mm)],
	[85,  (e, task, mm) => step('madvise', task.pid, [...e.oddRange(mm), e.random.chance(0.02) ? e.random.pick([5, 8, 99, -1]) : e.random.pick(ADVICES)])],
	[16,  (e, task, mm) => step('mlock', task.pid, e.oddRange(mm))],
	[18,  (e, task, mm) => step('munlock', task.pid, e.oddRange(mm))],
	[2,   (e, task) => step('mlockall', task.pid, [e.random.pick([mlockall.MCL_CURRENT, mlockall.MCL_FUTURE, 3, 0, 4])])],
	[8,   (_, task) => step('munlockall', task.pid)],
	[12,  (e, task) => step('brk', task.pid, [e.brk()])],
	[4,   (e, task, mm) => step('mincore', task.pid, e.oddRange(mm))],
	[8,   (e, task, mm) => step('msync', task.pid, [...e.oddRange(mm), e.random.pick([0, msync.MS_ASYNC, msync.MS_INVALIDATE, msync.MS_SYNC, 3, 5, 8])])],
	[150, (e, task, mm) => e.remapAnonPages(task, mm)],
	[12,  (e, task, mm) => e.rawSystemCall(task, mm)],
	[1,   (e, task) => step('signal', task.pid, [0, e.random.below(2)])],
	[6,   (e, task) => e.failAlloc(task)],
];
/** What allocates page tables, and pages and anon_vmas besides. */
const allocating: readonly Maker[] = [
	(e, task, mm) => e.moveToSpare(task, mm),
	(e, task, mm) => e.mremap(task, mm),
	(e, task, mm) => e.remapAnonPages(task, mm),
	(e, task) => e.newTask('fork', task),
	(e, task) => e.gup(task),
];

/** What there is besides. */
const allMakers: typeof baseMakers = [
	...baseMakers,
	[20,  (_, task) => step('ksm_scan', task.pid)],
	[40,  (e, task, mm) => step('madvise', task.pid, [...e.oddRange(mm), e.random.pick([madvise.MADV_MERGEABLE, madvise.MADV_MERGEABLE, madvise.MADV_MERGEABLE, madvise.MADV_UNMERGEABLE])])],
	[40,  (e, task) => step('collapse', task.pid, [e.whole(task.mm!) + e.random.below(HUGE)])],
	[15,  (e, task) => step('split', task.pid, [e.whole(task.mm!, bits => (bits & _PAGE_PSE) !== 0) + e.random.below(HUGE)])],
	[25,  (e, task) => step('migrate', task.pid, [...e.range(task.mm!), e.random.below(3)])],
	[30,  (e, task) => step('numa_hint', task.pid, e.range(task.mm!))],
	[20,  (e, task) => e.mbind(task)],
	[6,   (e, task) => step('migrate_pages', task.pid, [e.random.pick([0, 0, task.pid, 99_999]), e.random.between(-1, 2), e.random.between(-1, 2)])],
	[10,  (e, task, mm) => step('move_pages', task.pid, [e.page(mm), e.pages(), e.random.between(0, 2), e.random.pick([0, 2, 4, 6, 8])])],
	[10,  (e, task) => e.remapFilePages(task)],
];

function totalOf(makers: typeof baseMakers): number {
	return makers.reduce((sum, [weight]) => sum + weight, 0);
}

/** The rows of one seed. What comes next may depend on the state of the machine, which is only looked at. */
export class RandomEvents {
	readonly random: Random;
	private readonly m: Machine;
	private readonly theme: Theme;
	private readonly makers: typeof baseMakers;
	private readonly total: number;
	/** Rows that come first. */
	private readonly pending: Step[] = [];
	private readonly regions: readonly Region[];
	/** A region where seldom something is, so that its tables have to be made: two of them. */
	private readonly spare: Region;
	private nextTask = 2;
	/** What every write leaves is another number, so that pages can be told apart. */
	private token = 3;
	/** The last row was a fail_alloc. */
	private failed = false;
	/** The last row that another task can do as well. */
	private again: Step | null = null;
	/** The last move that moved something. */
	private last: {readonly pid: number, readonly dst: number, readonly src: number, readonly len: number} | null = null;

	constructor(m: Machine, seed: number, theme: Theme) {
		this.m = m;
		this.theme = theme;
		this.random = new Random(seed);
		const middle = this.random.pick(BOUNDARIES), small = (start: number, least: number, most: number): Region =>
			({start, pages: this.random.between(least, most), huge: false});
		this.regions = theme === 'base pages'
			? [small(middle - 12 * PAGE, 16, 48), small(middle + 256 * PAGE, 16, 32), small(middle + 2 ** 22 + 100 * PAGE, 8, 16)]
			: [{start: middle - HUGE, pages: 2 * HUGE_PAGES, huge: true}, {start: middle + 4 * HUGE, pages: 2 * HUGE_PAGES, huge: true}, small(middle + 8 * HUGE - 4 * PAGE, 8, 16)];
		this.spare = {start: middle + 2 ** 25 - 4 * PAGE, pages: 8, huge: false};
		this.makers = theme === 'base pages' ? baseMakers : allMakers;
		this.total = totalOf(this.makers);
		if (theme === 'everything') this.pending = [step('file', 1, [FILE, 20 * PAGE - 100]), step('shm', 1, [SHM, 16 * PAGE]), step('chardev', 1, [DEVICE])];
	}

	/** @returns the next row */
	next(): Step {
		const first = this.pending.shift();
		if (first !== undefined) return first;
		const {m, random} = this, task = random.pick([...m.tasks.values()]), mm = task.mm!;
		const alive = m.tasks.size;
		if (random.chance(alive < 3 ? 0.05 : 0.006)) return this.newTask(random.chance(0.75) ? 'fork' : 'thread', task);
		if (alive > 1 && random.chance(alive > 3 ? 0.06 : 0.006)) return step('exit', task.pid);
		if (mm.total_vm > MOST_PAGES[this.theme]) return this.shrink(task, mm);
		if (this.failed && random.chance(0.5)) return random.pick(allocating)(this, task, mm);
		if (this.again !== null && random.chance(0.06)) return {...this.again, task: task.pid};
		let n = random.below(this.total);
		for (const [weight, make] of this.makers) {
			n -= weight;
			if (n < 0) return make(this, task, mm);
		}
		throw new Error('the weights do not add up');
	}

	/** Tells how the row that came last has ended. */
	ended(row: Step, out: Outcome): void {
		this.failed = row.event === EVENT.fail_alloc;
		if (REPEATED.has(row.event)) this.again = row;
		if (row.event !== EVENT.remap_anon_pages || out.ret < 0) return;
		const words = (i: number): number => (row.hi[i]! >>> 0) * TWO_32 + (row.lo[i]! >>> 0);
		this.last = {pid: row.task, dst: words(0), src: words(1), len: words(2)};
	}

	// addresses

	/** A page-aligned address, mostly of the regions. */
	page(mm: mm_struct): number {
		const {random} = this;
		if (random.chance(0.04)) {
			const vma = this.anyVma(mm);
			if (vma !== null) return vma.vm_start + random.below(vma_pages(vma)) * PAGE;
		}
		if (random.chance(0.03)) return HEAP + random.below(16) * PAGE;
		const {start, pages, huge} = random.pick(this.regions);
		const page = huge && random.chance(0.85) ? random.pick(HOT) : random.below(pages);
		return start + Math.min(page, pages - 1) * PAGE;
	}

	/** An address, seldom far away or none of a user. */
	address(mm: mm_struct): number {
		if (this.random.chance(0.01)) return this.random.pick(FAR);
		if (this.theme === 'everything' && this.random.chance(0.4)) return this.whole(mm) + this.random.pick(HOT.slice(0, 9)) * PAGE;
		return (this.random.chance(0.5) ? this.populated(mm, 3) : this.page(mm)) + (this.random.chance(0.5) ? this.random.below(PAGE) : 0);
	}

	/** An address and a length in bytes, for what goes over any range. */
	range(mm: mm_struct): [number, number] {
		const start = this.random.chance(0.5) ? this.populated(mm, 3) : this.page(mm), pages = this.pages();
		return [pages % HUGE_PAGES === 0 ? this.hugePage(start) : start, pages * PAGE];
	}

	/** Where a huge page lies whole inside of a vma, of those that are wanted by the bits of their pmd entries; a page of a region if there is none. */
	whole(mm: mm_struct, wanted: (bits: number) => boolean = () => true): number {
		const places: number[] = [];
		for (let vma = mm.mmap; vma !== null; vma = vma.vm_next) {
			for (let at = Math.ceil(vma.vm_start / HUGE) * HUGE; at + HUGE <= vma.vm_end; at += HUGE) if (wanted(this.pmdBitsAt(mm, at))) places.push(at);
		}
		return places.length === 0 ? this.page(mm) : this.random.pick(places);
	}

	private smallRange(): [number, number] {
		const {random} = this, {start, pages} = this.regions[this.regions.length - 1]!;
		return [start + random.below(pages) * PAGE, random.between(1, 12) * PAGE];
	}

	/** A whole huge page or two, or a part of the small range: otherwise no vma would stay large enough for a huge page. */
	private wholeRange(): [number, number] {
		const {random} = this, region = random.pick(this.regions);
		if (!region.huge) return [region.start + random.below(region.pages) * PAGE, random.between(1, 8) * PAGE];
		const start = region.start + random.below(region.pages / HUGE_PAGES) * HUGE;
		return [start, random.pick([1, 1, 1, 2]) * HUGE];
	}

	/** The start of the huge page that an address is in; seldom not quite. */
	private hugePage(address: number): number {
		return this.random.chance(0.9) ? Math.floor(address / HUGE) * HUGE : address;
	}

	/** Seldom unaligned, empty, a whole vma, or one that wraps. */
	oddRange(mm: mm_struct): [number, number] {
		const {random} = this, [start, length] = this.theme === 'base pages' || random.chance(0.15) ? this.range(mm) : this.wholeRange();
		if (!random.chance(0.12)) return [start, length];
		switch (random.below(7)) {
			case 0: return [start + random.below(PAGE), length];
			case 1: return [start, random.below(2) * random.below(3 * PAGE)];
			case 2: return [random.pick(FAR), length];
			case 3: return [start, random.pick([-PAGE, -1, TASK_SIZE, 2 ** 47])];
			default: {
				const vma = this.anyVma(mm);
				return vma === null ? [start, length] : [vma.vm_start, vma.vm_end - vma.vm_start];
			}
		}
	}

	/** A length in pages. */
	pages(): number {
		if (this.theme === 'everything' && this.random.chance(0.3)) return this.random.chance(0.8) ? HUGE_PAGES : 2 * HUGE_PAGES;
		return this.random.chance(0.6) ? this.random.between(1, 3) : this.random.between(1, 12);
	}

	private anyVma(mm: mm_struct): vm_area_struct | null {
		let vma = mm.mmap;
		for (let n = this.random.below(mm.map_count); n > 0; n--) vma = vma!.vm_next;
		return vma;
	}

	private vmaAt(mm: mm_struct, address: number): vm_area_struct | null {
		let vma = mm.mmap;
		while (vma !== null && vma.vm_end <= address) vma = vma.vm_next;
		return vma;
	}

	/** How much of the vma of an address lies behind it, in bytes; a page where there is none. */
	private restOfVma(mm: mm_struct, address: number): number {
		const vma = this.vmaAt(mm, address);
		return vma === null || vma.vm_start > address ? PAGE : vma.vm_end - address;
	}

	/** The bits of the entry of an address. */
	private bitsAt(mm: mm_struct, address: number): number {
		const {bits, frame, stride} = this.m.tables;
		let table = mm.pgd;
		for (let size = 2 ** 39; size >= PAGE; size /= 512) {
			const place = table * stride + (Math.floor(address / size) & 511);
			if (bits[place] === 0 || size === PAGE || (bits[place]! & _PAGE_PSE) !== 0) return bits[place]!;
			table = frame[place]!;
		}
		return 0;
	}

	/** The bits of the pmd entry of an address. */
	private pmdBitsAt(mm: mm_struct, address: number): number {
		const {bits, frame, stride} = this.m.tables;
		let table = mm.pgd;
		for (let size = 2 ** 39; size >= HUGE; size /= 512) {
			const place = table * stride + (Math.floor(address / size) & 511);
			if (bits[place] === 0 || size === HUGE) return bits[place]!;
			table = frame[place]!;
		}
		return 0;
	}

	/** A page that is there or swapped out, if some tries find one. */
	private populated(mm: mm_struct, tries: number): number {
		for (let i = 0; i < tries; i++) {
			const page = this.page(mm), bits = this.bitsAt(mm, page);
			if ((bits & _PAGE_SPECIAL) === 0 && (bits & (_PAGE_PRESENT | _PAGE_PROTNONE | _PAGE_NUMA | _PAGE_SWAP)) !== 0) return page;
		}
		return this.page(mm);
	}

	/** A hole of a vma. */
	private hole(mm: mm_struct): number {
		for (let tries = 0; tries < 8; tries++) {
			const page = this.page(mm), vma = this.vmaAt(mm, page);
			if (vma !== null && vma.vm_start <= page && this.bitsAt(mm, page) === 0) return page;
		}
		return this.page(mm);
	}

	/** The kernel's own access at or behind the address would make a stack grow too far. */
	private growsFar(mm: mm_struct, address: number, pages: number): boolean {
		for (let i = 0; i < pages; i++) {
			const page = address + i * PAGE, vma = this.vmaAt(mm, page);
			if (vma === null) return false;
			if (vma_test(vma, VM_GROWSDOWN) && vma.vm_start - page > FAR_BELOW * PAGE) return true;
		}
		return false;
	}

	/** A row in which the kernel touches pages of a user. */
	byKernel(task: task_struct, make: (address: number) => Step, pages: number): Step {
		const mm = task.mm!, address = this.address(mm);
		return this.growsFar(mm, address, pages) ? step('referenced', task.pid, [address]) : make(address);
	}

	// rows

	access(event: 'read' | 'write' | 'kread' | 'kwrite', task: task_struct): Step {
		const {random} = this, pages = this.pages();
		const length = random.chance(0.5) ? 1 : random.chance(0.01) ? -1 : pages * PAGE - random.below(PAGE);
		const make = (address: number): Step => {
			if (event === 'read' || event === 'kread') return step(event, task.pid, [address, length]);
			if (random.chance(0.02)) return step(event, task.pid, [address, length]);
			if (random.chance(0.02)) return step(event, task.pid, [address, length, 0]);
			// what is the same can be merged
			if (this.theme === 'everything' && random.chance(0.4)) return step(event, task.pid, [address, length, random.between(1, 3)]);
			return step(event, task.pid, [address, length, ++this.token + (random.chance(0.05) ? TWO_32 : 0)]);
		};
		return event === 'read' || event === 'write' ? make(this.address(task.mm!)) : this.byKernel(task, make, length < 0 ? 200 : pages + 1);
	}

	gup(task: task_struct): Step {
		const pages = this.random.chance(0.02) ? this.random.pick([0, 2 ** 40]) : this.pages();
		return this.byKernel(task, address => step('gup', task.pid, [address, pages, this.random.below(2)]), Math.min(pages, 200));
	}

	mmap(task: task_struct, mm: mm_struct): Step {
		const {random} = this;
		let flags: number = MAP_PRIVATE | MAP_ANONYMOUS;
		if (random.chance(0.1)) flags |= MAP_POPULATE;
		if (random.chance(0.03)) flags |= MAP_NONBLOCK;
		if (random.chance(0.03)) flags |= MAP_LOCKED;
		if (random.chance(0.05)) flags |= MAP_NORESERVE;
		if (random.chance(0.08)) flags |= MAP_GROWSDOWN;
		if (random.chance(0.01)) flags &= ~MAP_ANONYMOUS;
		if (random.chance(0.01)) flags ^= random.pick([MAP_PRIVATE, MAP_SHARED]);
		const rights = random.chance(0.7) ? RW : random.pick(PROTS), offset = random.chance(0.02) ? random.pick([1, PAGE, -PAGE]) : 0;
		if (this.theme === 'everything' && random.chance(0.2)) return this.mapFile(task, mm, rights, flags);
		if (!random.chance(0.06)) {
			const whole = this.theme === 'everything' && random.chance(0.9), [at, size] = whole ? this.wholeRange() : [this.page(mm), random.between(1, 20) * PAGE];
			const start = random.chance(0.03) ? random.pick(FAR) : at + (random.chance(0.01) ? 1 : 0);
			const length = random.chance(0.03) ? random.pick([0, 1, -PAGE, -1, TASK_SIZE + PAGE]) : size;
			return step('mmap', task.pid, [start, length, rights, flags | MAP_FIXED, -1, offset]);
		}
		if (random.chance(0.2)) flags |= MAP_32BIT;
		const hint = random.chance(0.5) ? 0 : random.chance(0.2) ? random.pick([1, PAGE, 65536]) : this.page(mm);
		const length = random.chance(0.1) ? random.pick([0, -PAGE, TASK_SIZE + PAGE, 2 ** 47]) : this.pages() * PAGE;
		return step('mmap', task.pid, [hint, length, rights, flags, -1, offset]);
	}

	/** A file, private or shared, or memory that is shared and has no name. */
	private mapFile(task: task_struct, mm: mm_struct, rights: number, flags: number): Step {
		const {random} = this, [start, length] = random.chance(0.1) ? this.range(mm) : this.smallRange(), args = [start, Math.min(length, 40 * PAGE), rights];
		const type = random.chance(0.5) ? MAP_SHARED : MAP_PRIVATE, others = (flags & ~(MAP_PRIVATE | MAP_SHARED)) | type | MAP_FIXED;
		if (random.chance(0.2)) return step('mmap', task.pid, [...args, others | MAP_SHARED, -1, 0]);
		const fd = random.chance(0.05) ? NO_FILE : random.pick([FILE, SHM, DEVICE]);
		return step('mmap', task.pid, [...args, others & ~MAP_ANONYMOUS, fd, random.below(4) * PAGE]);
	}

	mbind(task: task_struct): Step {
		const {random} = this;
		return step('mbind', task.pid, [...this.oddRange(task.mm!), random.pick([0, 1, 1, 2, 2, 3, 4, 5]), random.between(-1, 2), random.pick([0, 0, 1, 2, 3, 4])]);
	}

	remapFilePages(task: task_struct): Step {
		const {random} = this;
		return step('remap_file_pages', task.pid, [this.smallRange()[0], random.between(1, 4) * PAGE, 0, random.below(8), random.pick([0, MAP_NONBLOCK])]);
	}

	mprotect(task: task_struct, mm: mm_struct): Step {
		const {random} = this;
		let rights = random.chance(0.5) ? RW : random.pick(PROTS);
		if (random.chance(0.05)) rights += random.pick([PROT_GROWSDOWN, PROT_GROWSUP, PROT_GROWSDOWN + PROT_GROWSUP, PROT_SEM, 0x10, TWO_32]);
		return step('mprotect', task.pid, [...this.oddRange(mm), rights]);
	}

	mremap(task: task_struct, mm: mm_struct): Step {
		const {random} = this, vma = this.anyVma(mm);
		let [address, old_len] = this.oddRange(mm);
		if (vma !== null && random.chance(0.5)) {
			// to the end of a vma, so that it can grow in place
			old_len = Math.min(random.between(1, 8), vma_pages(vma)) * PAGE;
			address = vma.vm_end - old_len;
		}
		if (random.chance(0.06)) old_len = 0;
		if (this.theme === 'everything' && random.chance(0.6)) {
			address = this.hugePage(address);
			old_len = HUGE;
		}
		const new_len = random.chance(0.3) ? old_len : random.chance(0.02) ? random.pick([0, 1, TASK_SIZE, -PAGE]) : random.between(1, 10) * PAGE;
		const flags = random.chance(0.03) ? random.pick([mremap.MREMAP_FIXED, 4, TWO_32 + 1])
			: random.pick([0, mremap.MREMAP_MAYMOVE, 3, 3, 3]);
		const to = old_len === HUGE ? this.hugePage(this.page(mm)) : random.chance(0.02) ? random.pick(FAR) : random.chance(0.05) ? address + random.between(-2, 2) * PAGE + random.below(2)
			: random.chance(0.12) ? this.spare.start + random.below(this.spare.pages) * PAGE : this.page(mm);
		return step('mremap', task.pid, [address, old_len, new_len, flags, to]);
	}

	/** An mremap that needs two page tables, of which one may be had. */
	moveToSpare(task: task_struct, mm: mm_struct): Step {
		const vma = this.vmaAt(mm, this.populated(mm, 8)), pages = vma === null ? 1 : Math.min(vma_pages(vma), this.spare.pages);
		const start = vma === null ? this.page(mm) : vma.vm_start;
		return step('mremap', task.pid, [start, pages * PAGE, pages * PAGE, mremap.MREMAP_MAYMOVE | mremap.MREMAP_FIXED, this.spare.start]);
	}

	brk(): number {
		return this.random.chance(0.2) ? this.random.pick([0, HEAP - PAGE, HEAP]) : HEAP + this.random.below(16 * PAGE);
	}

	remapAnonPages(task: task_struct, mm: mm_struct): Step {
		const {random, last} = this;
		// what has moved, back again; or again what was moved, by another task
		if (last !== null && random.chance(0.2)) {
			const pid = random.chance(0.7) && this.m.tasks.has(last.pid) ? last.pid : task.pid;
			return step('remap_anon_pages', pid, random.chance(0.7) ? [last.src, last.dst, last.len, 0] : [last.dst, last.src, last.len, 0]);
		}
		let src = random.chance(0.85) ? this.populated(mm, 8) : this.page(mm), dst = random.chance(0.85) ? this.hole(mm) : this.page(mm);
		let len = this.pages() * PAGE, flags = random.below(2);
		if (this.theme === 'everything' && random.chance(0.4)) {
			src = this.hugePage(this.whole(mm, bits => (bits & _PAGE_PSE) !== 0));
			dst = this.hugePage(this.whole(mm, bits => random.chance(0.2) || bits === 0));
			len = random.chance(0.8) ? HUGE : this.pages() * PAGE;
		}
		if (random.chance(0.7)) len = Math.min(len, this.restOfVma(mm, src), this.restOfVma(mm, dst));
		if (random.chance(0.05)) {
			const odd = random.pick([1, 2048, -1]);
			switch (random.below(4)) {
				case 0: src += odd; break;
				case 1: dst += odd; break;
				case 2: len += odd; break;
				default: flags = random.pick([2, 3, TWO_32, -1]);
			}
		}
		if (random.chance(0.02)) len = random.pick([0, -PAGE, 2 ** 47, -1]);
		if (random.chance(0.02)) dst = random.chance(0.5) ? random.pick(FAR) : src + random.between(-2, 2) * PAGE;
		if (random.chance(0.01)) src = random.pick(FAR);
		return step('remap_anon_pages', task.pid, [dst, src, len, flags]);
	}

	/** Another row's system call by its number; or a number that is none. */
	rawSystemCall(task: task_struct, mm: mm_struct): Step {
		const {random} = this;
		if (random.chance(0.1)) return step('syscall', task.pid, [random.pick([400, 10_000, -1])]);
		const row = random.pick(this.makers)[1](this, task, mm), {name} = EVENTS[row.event]!;
		const number = name === 'remap_anon_pages' ? this.m.config.revision === '2013-05' ? 314 : 321 : NUMBERS[name];
		if (number === undefined) return row;
		const args = Array.from(row.lo.subarray(0, 5), (lo, i) => row.hi[i]! * TWO_32 + (lo >>> 0));
		return step('syscall', row.task, [number, ...args]);
	}

	failAlloc(task: task_struct): Step {
		return step('fail_alloc', task.pid, [0, this.random.pick([0, 0, 1, 1, 2, 4])], {kind: this.random.pick(failKinds)});
	}

	newTask(event: 'fork' | 'thread', task: task_struct): Step {
		// which would be begun again once the signal is delivered
		if (task.fatal_signal_pending) return step('munlockall', task.pid);
		return step(event, task.pid, [], {child: this.nextTask++});
	}

	/** Takes from an address space that has grown too large. */
	private shrink(task: task_struct, mm: mm_struct): Step {
		let largest = mm.mmap!;
		for (let vma = mm.mmap; vma !== null; vma = vma.vm_next) if (vma.vm_end - vma.vm_start > largest.vm_end - largest.vm_start) largest = vma;
		return step('munmap', task.pid, [largest.vm_start, largest.vm_end - largest.vm_start]);
	}
}
