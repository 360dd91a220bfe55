import {OOM, SIGBUS, SIGSEGV} from '../arch/x86/fault.ts';
import {symbolsOf} from '../arch/symbols.ts';
import type {Numbers} from '../include/linux/abi.ts';
import {KernelBug} from '../include/linux/bug.ts';
import {type Decision, type DecisionName, decisionNames, decisions, DECISIONS_KEPT, type Letter, letterOf} from '../include/linux/decisions.ts';
import {type Config, Machine} from '../include/linux/machine.ts';
import type {mm_struct, task_struct} from '../include/linux/mm_types.ts';
import {TWO_32, type long, type ulong} from '../include/linux/types.ts';
import {type Rss, permissions, rss, show_smap_vma_flags, shownStart, vmas} from '../mm/task_mmu.ts';
import {vmstat} from '../mm/vmstat.ts';
import {dispatch, EFAULT_SIGNAL, failAllocation, newOutcome, type Outcome} from './dispatch.ts';
import {EVENT, type EventName} from './events.ts';
import {addTask, mm_alloc} from './fork.ts';
import {newPageState, observe, WORD_BIT, type Word, WORDS} from './observe.ts';

/** Flags as a number, or by name: `'PROT_READ|PROT_WRITE'`. */
export type Flags = number | string;

/** How an access ended. */
export interface Access {
	readonly result: 'ok' | 'SIGBUS' | 'SIGSEGV' | 'OOM' | '-EFAULT';
	/** si_addr; undefined unless it is a signal. */
	readonly address?: ulong;
}

/** A page, as an entry of an address space shows it. */
export interface PageView {
	/** The words of the trace format that hold: `present`, `rw`, `dirty`, `anon`, … or `none`, or `swap`. */
	readonly words: ReadonlySet<Word>;
	/** The frame; 0 where there is none, and for the zero page. */
	readonly pfn: number;
	/** How many entries map the page; -1 where there is none. */
	readonly mapcount: number;
	/** page->index, in pages; -1 where there is no page. */
	readonly index: number;
	/** The anon_vma that page->mapping points to; 0 for none. */
	readonly anon_vma: number;
	/** The content; undefined where no page is mapped. */
	readonly data?: bigint;
	/** The swap slot, 0 for none, and how many entries hold it, -1 for no slot. */
	readonly entry: number;
	readonly swapcount: number;
}

/** A vma, as /proc shows it. */
export interface VmaView {
	readonly start: ulong;
	readonly end: ulong;
	/** `rw-p`. */
	readonly permissions: string;
	/** The words of the VmFlags line: `rd`, `wr`, `uf`, … */
	readonly flags: readonly string[];
}

/** Why the model answered as it did. */
export interface Reason {
	readonly decision: DecisionName;
	readonly why: string;
	readonly source: string;
	readonly letter: Letter | null;
}

const accessNames = new Map<number, Access['result']>([[0, 'ok'], [SIGBUS, 'SIGBUS'], [SIGSEGV, 'SIGSEGV'], [OOM, 'OOM'], [EFAULT_SIGNAL, '-EFAULT']]);

/** The number that flags stand for. @throws RangeError for a name that is not known */
function flagsOf(flags: Flags, symbols: Numbers): number {
	if (typeof flags === 'number') return flags;
	return flags.split('|').reduce((sum, name) => {
		const value = Object.hasOwn(symbols, name) ? symbols[name]! : NaN;
		if (Number.isNaN(value)) throw new RangeError(`${name} is no flag that is known`);
		return sum | value;
	}, 0);
}

/** A machine with a kernel of one posting, and its tasks. What a trace can do by rows, this does by calls. */
export class Kernel {
	readonly machine: Machine;
	/** What flags may be called. @internal */
	readonly symbols: Numbers;
	private readonly outcome: Outcome = newOutcome();
	private readonly row = {event: 0, lo: new Int32Array(6), hi: new Int32Array(6), given: 0};
	private nextTask = 2;

	/** @param config - as the configuration rows of a trace; `revision` is `2013-05` unless told */
	constructor(config: Partial<Config> = {}) {
		this.machine = new Machine(config);
		this.symbols = symbolsOf(this.machine.arch.name, this.machine.rev);
		addTask(this.machine, 1, mm_alloc(this.machine));
	}

	/** A running task; 1 is there from the start. @throws RangeError if it is not there */
	task(number = 1): Task {
		return new Task(this, this.living(number).pid);
	}

	/** The decisions of the last call, in their order. */
	why(): Reason[] {
		const m = this.machine, first = Math.max(0, m.nr_decided - DECISIONS_KEPT);
		return Array.from({length: m.nr_decided - first}, (_, i) => {
			const decision = decisionNames[m.decided[(first + i) & (DECISIONS_KEPT - 1)]!]!, about: Decision = decisions[decision];
			return {decision, why: about.why, source: about.source, letter: letterOf(about, m.config.revision)};
		});
	}

	/** A counter of /proc/vmstat, from the beginning. @throws RangeError for one that is not kept */
	vmstat(name: string): number {
		const count = vmstat(this.machine, name);
		if (count < 0) throw new RangeError(`${name} is no counter that is kept`);
		return count;
	}

	/** The next allocation of a kind fails, or one after some that succeed. @param kind - page, pte, pmd, anon_vma, huge */
	failAllocation(kind: string, succeed = 0): void {
		if (!failAllocation(this.machine, kind, succeed)) throw new RangeError(`${kind} is no kind of allocation`);
	}

	/** @internal */
	living(number: number): task_struct {
		const task = this.machine.tasks.get(number);
		if (task === undefined) throw new RangeError(`task ${number} is not running`);
		return task;
	}

	/**
	 * Runs one event.
	 *
	 * @internal
	 * @throws KernelBug where the kernel stops; NotModelledError, OutOfFrames
	 */
	run(number: number, event: EventName, args: readonly (number | bigint)[]): Outcome {
		const {row, outcome} = this;
		row.event = EVENT[event];
		row.given = 2 ** args.length - 1;
		row.lo.fill(0);
		row.hi.fill(0);
		args.forEach((value, i) => {
			row.lo[i] = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
			row.hi[i] = typeof value === 'bigint' ? Number(BigInt.asIntN(32, value >> 32n)) : Math.floor(value / TWO_32) | 0;
		});
		outcome.child = this.nextTask;
		this.machine.recorded_address = -1;
		dispatch(this.machine, this.living(number), row, outcome);
		if (outcome.bug !== null) throw new KernelBug(outcome.bug);
		if ((event === 'fork' || event === 'thread') && outcome.ret > 0) this.nextTask++;
		return outcome;
	}
}

/** A task: its system calls, its accesses, and what /proc shows of it. Lengths are bytes; errors come back as negated errno, as in the kernel. */
export class Task {
	private readonly kernel: Kernel;
	readonly number: number;

	constructor(kernel: Kernel, number: number) {
		this.kernel = kernel;
		this.number = number;
	}

	private call(event: EventName, ...args: (number | bigint)[]): long {
		return this.kernel.run(this.number, event, args).ret;
	}

	private access(event: EventName, ...args: (number | bigint)[]): Access {
		const {signal, address_lo, address_hi} = this.kernel.run(this.number, event, args), result = accessNames.get(signal)!;
		return signal === SIGBUS || signal === SIGSEGV ? {result, address: (address_hi >>> 0) * TWO_32 + (address_lo >>> 0)} : {result};
	}

	private flags(flags: Flags): number {
		return flagsOf(flags, this.kernel.symbols);
	}

	private get mm(): mm_struct {
		return this.kernel.living(this.number).mm!;
	}

	mmap(address: ulong, length: ulong, prot: Flags, flags: Flags, fd = -1, offset = 0): long {
		return this.call('mmap', address, length, this.flags(prot), this.flags(flags), fd, offset);
	}

	munmap(address: ulong, length: ulong): long {
		return this.call('munmap', address, length);
	}

	mprotect(address: ulong, length: ulong, prot: Flags): long {
		return this.call('mprotect', address, length, this.flags(prot));
	}

	mremap(address: ulong, oldLength: ulong, newLength: ulong, flags: Flags = 0, newAddress: ulong = 0): long {
		return this.call('mremap', address, oldLength, newLength, this.flags(flags), newAddress);
	}

	madvise(address: ulong, length: ulong, advice: Flags): long {
		return this.call('madvise', address, length, this.flags(advice));
	}

	mlock(address: ulong, length: ulong): long {
		return this.call('mlock', address, length);
	}

	munlock(address: ulong, length: ulong): long {
		return this.call('munlock', address, length);
	}

	mlockall(flags: Flags): long {
		return this.call('mlockall', this.flags(flags));
	}

	munlockall(): long {
		return this.call('munlockall');
	}

	mincore(address: ulong, length: ulong): long {
		return this.call('mincore', address, length);
	}

	msync(address: ulong, length: ulong, flags: Flags): long {
		return this.call('msync', address, length, this.flags(flags));
	}

	brk(address: ulong): long {
		return this.call('brk', address);
	}

	/** @returns as the posting has it: 0 (2013-05) or the bytes moved (2014-10), or a negated errno */
	remap_anon_pages(destination: ulong, source: ulong, length: ulong, flags: Flags = 0): long {
		return this.call('remap_anon_pages', destination, source, length, this.flags(flags));
	}

	/** @param node - -1 for an empty mask */
	mbind(start: ulong, length: ulong, mode: Flags, node: number, flags: Flags = 0): long {
		return this.call('mbind', start, length, this.flags(mode), node, this.flags(flags));
	}

	/** @param pid - 0 for this task */
	migrate_pages(pid: number, from: number, to: number): long {
		return this.call('migrate_pages', pid, from, to);
	}

	move_pages(address: ulong, pages: number, node: number, flags: Flags = 0): long {
		return this.call('move_pages', address, pages, node, this.flags(flags));
	}

	/** A system call by its number. */
	syscall(number: number, ...args: (number | bigint)[]): long {
		return this.call('syscall', number, ...args);
	}

	/** Loads from each page of a range. */
	read(address: ulong, length = 1): Access {
		return this.access('read', address, length);
	}

	/** Stores to each page of a range, and leaves the token as its content. */
	write(address: ulong, length = 1, token: number | bigint = 1): Access {
		return this.access('write', address, length, token);
	}

	exec(address: ulong): Access {
		return this.access('exec', address);
	}

	/** The kernel reads user memory for a system call. */
	kread(address: ulong, length = 1): Access {
		return this.access('kread', address, length);
	}

	/** The kernel writes user memory for a system call. */
	kwrite(address: ulong, length = 1, token: number | bigint = 1): Access {
		return this.access('kwrite', address, length, token);
	}

	/** get_user_pages. @returns how many pages, or a negated errno */
	gup(address: ulong, pages: number, write = false): long {
		return this.call('gup', address, pages, write ? 1 : 0);
	}

	/** @returns the child; a negated errno if there is no memory for it */
	fork(): Task | long {
		const child = this.call('fork');
		return child > 0 ? new Task(this.kernel, child) : child;
	}

	/** @returns a task in the same address space */
	thread(): Task {
		return new Task(this.kernel, this.call('thread'));
	}

	exit(): void {
		this.call('exit');
	}

	/** Reclaim takes the pages of a range. */
	swap_out(address: ulong, length: ulong): void {
		this.call('swap_out', address, length);
	}

	/** The swapped pages of a range come to the swap cache. */
	swap_in(address: ulong, length: ulong): void {
		this.call('swap_in', address, length);
	}

	/** The pages of a range move to a node. */
	migrate(address: ulong, length: ulong, node: number): void {
		this.call('migrate', address, length, node);
	}

	/** The pages of a range get NUMA hints. */
	numa_hint(address: ulong, length: ulong): void {
		this.call('numa_hint', address, length);
	}

	remap_file_pages(address: ulong, length: ulong, prot: Flags, pageOffset: number, flags: Flags = 0): long {
		return this.call('remap_file_pages', address, length, this.flags(prot), pageOffset, this.flags(flags));
	}

	/** A descriptor for mmap, of a regular file of zeroes. @param size - bytes */
	file(descriptor: number, size: ulong): void {
		this.call('file', descriptor, size);
	}

	/** A descriptor of a file on tmpfs. @param size - bytes */
	shm(descriptor: number, size: ulong): void {
		this.call('shm', descriptor, size);
	}

	/** A descriptor of a driver whose memory is not anonymous. */
	chardev(descriptor: number): void {
		this.call('chardev', descriptor);
	}

	/** KSM scans until nothing more merges. */
	ksm_scan(): void {
		this.call('ksm_scan');
	}

	/** khugepaged tries to make a huge page. @returns whether there is one now */
	collapse(address: ulong): boolean {
		return this.call('collapse', address) === 1;
	}

	/** Something splits the huge page there. */
	split(address: ulong): void {
		this.call('split', address);
	}

	/** Reclaim asks the rmap how often a page was used, and clears the young bits. */
	referenced(address: ulong): number {
		return this.call('referenced', address);
	}

	/** A signal is pending until the end of the next system call. */
	signal(fatal = false): void {
		this.call('signal', 0, fatal ? 1 : 0);
	}

	/** What is at an address. */
	page(address: ulong): PageView {
		const state = newPageState(), {mm} = this;
		observe(mm, address - (address % mm.arch.PAGE_SIZE), state);
		const words = new Set(WORDS.filter(word => (state.words & WORD_BIT[word]) !== 0));
		const {pfn, mapcount, index, anon_vma, entry, swapcount} = state, view = {words, pfn, mapcount, index, anon_vma, entry, swapcount};
		return state.hasData ? {...view, data: (BigInt(state.data_hi >>> 0) << 32n) | BigInt(state.data_lo >>> 0)} : view;
	}

	/** The vmas in rising order. */
	vmas(): VmaView[] {
		return [...vmas(this.mm)].map(vma => ({start: shownStart(vma), end: vma.vm_end, permissions: permissions(vma), flags: show_smap_vma_flags(vma)}));
	}

	/** Resident and swapped pages. */
	rss(): Rss {
		return rss(this.mm);
	}
}
