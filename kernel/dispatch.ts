import {access, OOM, PF_INSTR, PF_PROT, PF_USER, PF_WRITE, SIGSEGV, do_page_fault, wouldFault} from '../arch/x86/fault.ts';
import {EFAULT} from '../include/asm-generic/errno.ts';
import {KernelBug, modelBug, notModelled} from '../include/linux/bug.ts';
import {because, D} from '../include/linux/decisions.ts';
import type {file_operations} from '../include/linux/fs.ts';
import {locksAreLost} from '../include/linux/lockdep.ts';
import {failKinds, type Machine} from '../include/linux/machine.ts';
import {NUMA_NO_NODE} from '../include/linux/mempolicy.ts';
import {PAGE_ALIGN, page_down, wrap} from '../include/linux/mm.ts';
import type {mm_struct, task_struct} from '../include/linux/mm_types.ts';
import {HANG, TWO_32, u64, type long, type signal_t, type ulong} from '../include/linux/types.ts';
import {fput, openFile, ramfs_file_operations} from '../mm/filemap.ts';
import {sys_remap_anon_pages, sys_remap_file_pages} from '../mm/fremap.ts';
import {collapse, splitAtAddress} from '../mm/huge_memory.ts';
import {ksm_scan} from '../mm/ksm.ts';
import {force_swapin_readahead, sys_madvise} from '../mm/madvise.ts';
import {gup} from '../mm/memory.ts';
import {numa_hint, sys_mbind, sys_migrate_pages} from '../mm/mempolicy.ts';
import {migrateRange, sys_move_pages} from '../mm/migrate.ts';
import {sys_mincore} from '../mm/mincore.ts';
import {sys_mlock, sys_mlockall, sys_munlock, sys_munlockall} from '../mm/mlock.ts';
import {sys_brk, sys_mmap, sys_munmap} from '../mm/mmap.ts';
import {sys_mprotect} from '../mm/mprotect.ts';
import {sys_mremap} from '../mm/mremap.ts';
import {sys_msync} from '../mm/msync.ts';
import {shmem_file_operations} from '../mm/shmem.ts';
import {write_token} from '../mm/page_alloc.ts';
import {referenced, swap_out} from '../mm/vmscan.ts';
import {mem_file_operations} from './chardev.ts';
import {EVENT, EVENTS, type EventName} from './events.ts';
import {do_exit, do_group_exit, fork, thread} from './fork.ts';
import {sys_ni_syscall} from './sys_ni.ts';

// Ours: what the processor and the system call table do, from the event of a row to the kernel's function.

/** A row that does something: its event, and six 64-bit arguments as words. */
export interface Row {
	readonly event: number;
	readonly lo: Int32Array;
	readonly hi: Int32Array;
	/** Bit i: argument i is not empty. */
	readonly given: number;
}

/** How a row ended. One object serves for all rows. */
export interface Outcome {
	/** What a call returned, or how often a page was referenced. `HANG` never returns. */
	ret: long;
	/** How an access ended: 0 is `ok`. */
	signal: signal_t;
	/** si_addr, as words; of a read that found another token, the page that holds it. */
	address_lo: number;
	address_hi: number;
	/** The read found another token than the row has. */
	wrong_token: boolean;
	token_lo: number;
	token_hi: number;
	/** The kernel stopped: the condition of the BUG_ON; null otherwise. */
	bug: string | null;
	/** A recorded fault: the error code that the model's processor has; -1 if it does not fault. */
	error_code: number;
	/** fork and thread: the new task. */
	child: number;
}

export function newOutcome(): Outcome {
	return {ret: 0, signal: 0, address_lo: 0, address_hi: 0, wrong_token: false, token_lo: 0, token_hi: 0, bug: null, error_code: -1, child: 0};
}

/** The kernel's own access to user memory ended with -EFAULT. */
export const EFAULT_SIGNAL: signal_t = -EFAULT;

function setWords(out: Outcome, lo: number, hi: number): void {
	out.address_lo = lo;
	out.address_hi = hi;
}

function setAddress(out: Outcome, address: ulong): void {
	setWords(out, address | 0, (address / TWO_32) | 0);
}

/** One access of a user. Above user memory si_addr is what the processor knows of it: nothing where the address is none at all. */
function userAccess(mm: mm_struct, address: ulong, code: number, row: Row, out: Outcome): number {
	if (address < mm.arch.NONCANONICAL) {
		const page = access(mm, address, code | PF_USER);
		if (page < 0) setAddress(out, address);
		if (page < 0 && address > Number.MAX_SAFE_INTEGER) setWords(out, row.lo[0]!, row.hi[0]!);
		return page;
	}
	const canonical = (row.hi[0]! >>> 0) >= 0xffff_8000;
	setWords(out, canonical ? row.lo[0]! : 0, canonical ? row.hi[0]! : 0);
	return because(mm.machine, D.fault_kernel_address, -SIGSEGV);
}

/** One access of the kernel for a system call. @returns the page; -EFAULT as a negative number below every signal */
function kernelAccess(mm: mm_struct, address: ulong, code: number): number {
	if (address >= mm.arch.TASK_SIZE) return because(mm.machine, D.uaccess_not_user, EFAULT_SIGNAL);
	const page = access(mm, address, code);
	return page > 0 ? page : EFAULT_SIGNAL;
}

/** Does a page hold the token? If not, the outcome says what it holds. */
function checkToken(m: Machine, page: number, address: ulong, row: Row, out: Outcome): void {
	const {token_lo, token_hi} = m.mem_map;
	if (out.wrong_token || (token_lo[page] === row.lo[2] && token_hi[page] === row.hi[2])) return;
	out.wrong_token = true;
	out.token_lo = token_lo[page]!;
	out.token_hi = token_hi[page]!;
	setAddress(out, address - (address & (m.arch.PAGE_SIZE - 1)));
}

/** read, write, kread, kwrite: the first address, then each further page at its start, until one cannot be reached. */
function accessRange(mm: mm_struct, row: Row, code: number, byKernel: boolean, out: Outcome): long {
	const m = mm.machine, {PAGE_SIZE} = mm.arch, {lo, hi, given} = row, write = (code & PF_WRITE) !== 0;
	const start = u64(lo[0]!, hi[0]!), length = u64(lo[1]!, hi[1]!);
	const last = start + (length === 0 ? 1 : length) - 1, token = (given & 4) !== 0;
	const value_lo = token ? lo[2]! : 1, value_hi = token ? hi[2]! : 0;
	let at = start;
	do {
		const page = byKernel ? kernelAccess(mm, at, code) : userAccess(mm, at, code, row, out);
		if (page < 0) {
			out.signal = byKernel ? EFAULT_SIGNAL : -page;
			// what did not end in ok checks no token
			out.wrong_token = false;
			return 0;
		}
		if (write) write_token(m, page, value_lo, value_hi);
		else if (token) checkToken(m, page, at, row, out);
		at = at - (at & (PAGE_SIZE - 1)) + PAGE_SIZE;
	} while (at <= last);
	return 0;
}

/** A recorded hardware fault: the model must fault as well, with the same error code; then the fault is answered, and nothing is tried again. */
function recordedFault(mm: mm_struct, row: Row, out: Outcome): long {
	const address = arg(row, 0), code = row.lo[1]!;
	// whether the kernel has something mapped at an address of its own is not known, so either is believed
	out.error_code = address >= mm.arch.TASK_SIZE ? code : wouldFault(mm, address, code & ~PF_PROT);
	if (out.error_code !== code) return 0;
	const signal = do_page_fault(mm, address, code);
	if (signal === 0) return 0;
	out.signal = (code & PF_USER) === 0 ? EFAULT_SIGNAL : signal;
	out.address_lo = row.lo[0]!;
	out.address_hi = row.hi[0]!;
	return 0;
}

/** Does what a row says. @returns what a call returned; 0 for everything else */
interface Handler {
	(m: Machine, task: task_struct, mm: mm_struct, row: Row, out: Outcome): long;
}

/** Argument i of a row. */
function arg({lo, hi}: Row, i: number): ulong {
	return u64(lo[i]!, hi[i]!);
}

/**
 * The length of a range in whole pages, from the page that its start lies in: PAGE_ALIGN(len + (start & ~PAGE_MASK)). Made of the words, since of a
 * length near 2^64 a number would lose the low bits, which decide what is left when it wraps.
 */
function lengthFrom(mm: mm_struct, row: Row): ulong {
	const {PAGE_SIZE} = mm.arch, mask = PAGE_SIZE - 1;
	return wrap(mm, page_down(mm, arg(row, 1)) + PAGE_ALIGN(mm, (row.lo[0]! & mask) + (row.lo[1]! & mask)));
}

/** A node where the kernel takes a mask: -1 is an empty one. */
function node(row: Row, i: number): number {
	return row.lo[i] === -1 && row.hi[i] === -1 ? NUMA_NO_NODE : arg(row, i);
}

// The system calls, with their arguments in the kernel's order. An int is the low word.
const systemCalls: Partial<Record<EventName, Handler>> = {
	mmap: (_m, task, mm, row) => sys_mmap(task, mm, arg(row, 0), arg(row, 1), row.lo[2]!, row.lo[3]!, row.lo[4]!, arg(row, 5)),
	munmap: (_m, _task, mm, row) => sys_munmap(mm, arg(row, 0), arg(row, 1)),
	mprotect: (_m, _task, mm, row) => sys_mprotect(mm, arg(row, 0), arg(row, 1), arg(row, 2)),
	mremap: (_m, task, mm, row) => sys_mremap(task, mm, arg(row, 0), arg(row, 1), arg(row, 2), arg(row, 3), arg(row, 4)),
	madvise: (_m, task, mm, row) => sys_madvise(task, mm, arg(row, 0), arg(row, 1), row.lo[2]!),
	mlock: (_m, task, mm, row) => sys_mlock(task, mm, arg(row, 0), lengthFrom(mm, row)),
	munlock: (_m, _task, mm, row) => sys_munlock(mm, arg(row, 0), lengthFrom(mm, row)),
	mlockall: (_m, task, mm, row) => sys_mlockall(task, mm, row.lo[0]!),
	munlockall: (_m, _task, mm) => sys_munlockall(mm),
	mincore: (_m, _task, mm, row) => sys_mincore(mm, arg(row, 0), arg(row, 1)),
	msync: (_m, _task, mm, row) => sys_msync(mm, arg(row, 0), arg(row, 1), row.lo[2]!),
	brk: (_m, task, mm, row) => sys_brk(task, mm, arg(row, 0)),
	remap_file_pages: (_m, task, mm, row) => sys_remap_file_pages(task, mm, arg(row, 0), arg(row, 1), arg(row, 2), arg(row, 3), arg(row, 4)),
	remap_anon_pages(m, task, mm, row) {
		if (!m.config.remap_anon_pages) return sys_ni_syscall(m, D.rap_not_built_in);
		return sys_remap_anon_pages(task, mm, arg(row, 0), arg(row, 1), arg(row, 2), arg(row, 3));
	},
	mbind: (_m, _task, mm, row) => sys_mbind(mm, arg(row, 0), arg(row, 1), arg(row, 2), node(row, 3), row.lo[4]!),
	migrate_pages: (m, task, _mm, row) => sys_migrate_pages(m, task, row.lo[0]!, node(row, 1), node(row, 2)),
	move_pages: (_m, _task, mm, row) => sys_move_pages(mm, arg(row, 0), arg(row, 1), row.lo[2]!, row.lo[3]!),
	uffd_register: m => notModelled(`userfaultfd under revision ${m.config.revision}`),
	uffd_unregister: m => notModelled(`userfaultfd under revision ${m.config.revision}`),
	uffd_move: m => notModelled(`userfaultfd under revision ${m.config.revision}`),
};

/** A row that is another's in other numbers. */
interface Scratch extends Row {
	event: number;
	given: number;
}

function scratch(): Scratch {
	return {event: 0, lo: new Int32Array(6), hi: new Int32Array(6), given: 0};
}

const shifted = scratch(), adapted = scratch();

/**
 * A system call by its number in the architecture and revision of the trace.
 *
 * @model A row has no column for a sixth argument behind the number, so the offset of a mapping is 0, and mmap2 is mmap. i386's mmap takes a pointer to
 * its arguments, which a row does not have.
 */
function rawSystemCall(m: Machine, task: task_struct, mm: mm_struct, row: Row, out: Outcome): long {
	const number = m.arch.ULONG_RANGE === TWO_32 ? row.lo[0]! >>> 0 : arg(row, 0), name = m.syscalls.get(number);
	if (name === undefined) return sys_ni_syscall(m);
	// a row of these names nodes where the kernel's own arguments are addresses of masks and lists
	if (name === 'mbind' || name === 'migrate_pages' || name === 'move_pages') return notModelled(`${name} by its number`);
	const called = name === 'mmap2' ? 'mmap' : name, handler = systemCalls[called as EventName];
	if (handler === undefined || (name === 'mmap' && m.arch.name === 'i386')) return notModelled(`system call ${number}, ${name}`);
	shifted.event = EVENT[called as EventName];
	shifted.lo.set(row.lo.subarray(1));
	shifted.hi.set(row.hi.subarray(1));
	shifted.lo[5] = 0;
	shifted.hi[5] = 0;
	shifted.given = row.given >> 1;
	return handler(m, task, mm, adapt(m, shifted), out);
}

/** What an event is given as flags: which argument, and whose. */
const flagArguments: Partial<Record<EventName, readonly (readonly [argument: number, kind: 'prot' | 'map' | 'advice' | 'msync' | 'mlockall'])[]>> = {
	mmap: [[2, 'prot'], [3, 'map']],
	mprotect: [[2, 'prot']],
	madvise: [[2, 'advice']],
	msync: [[2, 'msync']],
	mlockall: [[0, 'mlockall']],
	remap_file_pages: [[2, 'prot'], [4, 'map']],
};

const flagsOfEvent = EVENTS.map(({name}) => flagArguments[name] ?? []);

/** How many arguments of an event are words of the processor. Tokens and sizes of files are not, nor is the offset of a mapping, which mmap2 tells. */
const wordsOfEvent = EVENTS.map(({name}, event) => {
	if (name === 'mmap') return 5;
	if (name === 'file' || name === 'shm' || name === 'chardev') return 0;
	return event >= EVENT.mmap && event <= EVENT.uffd_move ? 6 : 2;
});

/** A row as mm reckons: arguments no wider than the processor's words, and the architecture's flags as the generic ones. */
function adapt(m: Machine, row: Row): Row {
	if (!m.adapts) return row;
	const {convention} = m, narrow = m.arch.ULONG_RANGE === TWO_32;
	adapted.event = row.event;
	adapted.given = row.given;
	adapted.lo.set(row.lo);
	adapted.hi.set(row.hi);
	if (narrow) adapted.hi.fill(0, 0, wordsOfEvent[row.event]!);
	if (convention !== null) for (const [i, kind] of flagsOfEvent[row.event]!) adapted.lo[i] = convention[kind](adapted.lo[i]!);
	return adapted;
}

/** What a pending signal does when a system call is over. */
function endOfSystemCall(m: Machine, task: task_struct): void {
	if (!task.signal_pending) return;
	const fatal = task.fatal_signal_pending;
	task.signal_pending = false;
	task.fatal_signal_pending = false;
	if (fatal) do_group_exit(m, task);
}

/** The events that are system calls, or something that the kernel does inside of one. */
function endsSystemCall(event: number): boolean {
	return (event >= EVENT.mmap && event <= EVENT.uffd_move) || event === EVENT.kread || event === EVENT.kwrite || event === EVENT.gup
		|| event === EVENT.fork || event === EVENT.thread;
}

// Everything else that a row can be
const otherEvents: Partial<Record<EventName, Handler>> = {
	syscall: rawSystemCall,
	read: (_m, _task, mm, row, out) => accessRange(mm, row, 0, false, out),
	write: (_m, _task, mm, row, out) => accessRange(mm, row, PF_WRITE, false, out),
	kread: (_m, _task, mm, row, out) => accessRange(mm, row, 0, true, out),
	kwrite: (_m, _task, mm, row, out) => accessRange(mm, row, PF_WRITE, true, out),
	exec(_m, _task, mm, row, out) {
		const page = userAccess(mm, arg(row, 0), PF_INSTR, row, out);
		if (page < 0) out.signal = -page;
		return 0;
	},
	fault: (_m, _task, mm, row, out) => recordedFault(mm, row, out),
	gup: (_m, task, mm, row) => gup(task, mm, page_down(mm, arg(row, 0)), arg(row, 1), row.lo[2] !== 0),
	fork: runFork,
	thread(m, task, _mm, _row, out) {
		thread(m, task, out.child);
		return out.child;
	},
	exit(m, task) {
		do_exit(m, task);
		return 0;
	},
	swap_out(_m, _task, mm, row) {
		swap_out(mm, page_down(mm, arg(row, 0)), endOfRange(mm, row));
		return 0;
	},
	swap_in(_m, _task, mm, row) {
		force_swapin_readahead(mm, page_down(mm, arg(row, 0)), endOfRange(mm, row));
		return 0;
	},
	referenced: (_m, _task, mm, row) => referenced(mm, page_down(mm, arg(row, 0))),
	signal(_m, task, _mm, row) {
		task.signal_pending = true;
		if (row.lo[1] === 1) task.fatal_signal_pending = true;
		return 0;
	},
	file: (m, _task, _mm, row) => declare(m, row, ramfs_file_operations),
	shm: (m, _task, _mm, row) => declare(m, row, shmem_file_operations),
	chardev: (m, _task, _mm, row) => declare(m, row, mem_file_operations),
	ksm_scan(m) {
		ksm_scan(m);
		return 0;
	},
	collapse: (_m, _task, mm, row) => (collapse(mm, arg(row, 0)) ? 1 : 0),
	split(_m, _task, mm, row) {
		splitAtAddress(mm, arg(row, 0));
		return 0;
	},
	migrate(_m, _task, mm, row) {
		migrateRange(mm, page_down(mm, arg(row, 0)), endOfRange(mm, row), row.lo[2]!);
		return 0;
	},
	numa_hint(_m, _task, mm, row) {
		numa_hint(mm, page_down(mm, arg(row, 0)), endOfRange(mm, row));
		return 0;
	},
};

/** The longest file: more pages than this have no place in page->index. */
const MAX_FILE_SIZE = 2 ** 48;

/** file, shm, chardev: a descriptor is opened; what it was before is closed. */
function declare(m: Machine, row: Row, f_op: file_operations): long {
	const fd = row.lo[0]!, size = arg(row, 1), before = m.fds.get(fd);
	if (size > MAX_FILE_SIZE) notModelled(`a file of more than ${MAX_FILE_SIZE} bytes`);
	m.fds.set(fd, openFile(m, f_op, size));
	if (before !== undefined) fput(m, before);
	return 0;
}

/** What each event does, by its id. */
const handlers: readonly Handler[] = EVENTS.map(({name}) => systemCalls[name] ?? otherEvents[name] ?? (() => modelBug(`${name} is nothing that a task does`)));

/** A signal that is pending at fork is delivered first, and then the kernel begins again. @model A fatal one leaves nobody to fork. */
function runFork(m: Machine, task: task_struct, _mm: mm_struct, _row: Row, out: Outcome): long {
	if (task.fatal_signal_pending) notModelled('fork with a fatal signal pending');
	const child = fork(m, task, out.child);
	return typeof child === 'number' ? child : out.child;
}

/** The end of the range of a row that begins in a page and has a length. */
function endOfRange(mm: mm_struct, row: Row): ulong {
	const length = arg(row, 1);
	return PAGE_ALIGN(mm, arg(row, 0) + (length === 0 ? 1 : length));
}

/**
 * Does what a row says, and what follows from it for its task.
 *
 * @param out - is filled in; `child` holds the number that a new task gets
 * @throws NotModelledError, OutOfFrames, ModelBug
 */
export function dispatch(m: Machine, task: task_struct, row: Row, out: Outcome): void {
	m.nr_decided = 0;
	out.ret = 0;
	out.signal = 0;
	out.wrong_token = false;
	out.bug = null;
	out.error_code = -1;
	try {
		out.ret = handlers[row.event]!(m, task, task.mm!, adapt(m, row), out);
	} catch (error) {
		if (!(error instanceof KernelBug)) throw error;
		out.bug = error.message;
		locksAreLost();
		return;
	}
	if (out.ret < 0 && out.ret !== HANG && m.convention !== null) out.ret = -m.convention.errno(-out.ret);
	if (out.ret === HANG || out.signal === OOM) do_group_exit(m, task);
	else if (endsSystemCall(row.event)) endOfSystemCall(m, task);
}

/** fail_alloc: an allocation of that kind fails, after so many that succeed. @returns false for a kind that is not known */
export function failAllocation(m: Machine, kind: string, succeed: number): boolean {
	const index = (failKinds as readonly string[]).indexOf(kind);
	if (index < 0) return false;
	m.failing[index] = succeed;
	return true;
}
