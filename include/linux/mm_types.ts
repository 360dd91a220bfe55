import type {Arch} from '../asm-generic/arch.ts';
import type {file} from './fs.ts';
import type {Machine} from './machine.ts';
import type {mempolicy} from './mempolicy.ts';
import {RangeList} from './range_list.ts';
import type {Revision} from './revision.ts';
import type {anon_vma, anon_vma_chain} from './rmap.ts';
import type {pgoff_t, pteval_t, signal_t, ulong} from './types.ts';

// include/linux/mm_types.h and the parts of include/linux/sched.h that mm looks at

/** include/linux/mm.h: what a driver or file system does when something happens in a mapping of its. */
export interface vm_operations_struct {
	/**
	 * Finds or makes the page of an offset; null where every page is there as soon as it is mapped.
	 *
	 * @returns the page, locked and with a reference; -VM_FAULT_* if there is none
	 */
	readonly fault: ((vma: vm_area_struct, pgoff: pgoff_t) => number) | null;
	/** The pages around a fault can be mapped as well, if the kernel does such a thing. */
	readonly map_pages: boolean;
	/** It wants to know when a page is first written to. */
	readonly page_mkwrite: boolean;
	/** remap_file_pages can be used. */
	readonly remap_pages: boolean;
}

/** A virtual memory area. The addresses are bytes, the end is exclusive. */
export class vm_area_struct {
	readonly vm_mm: mm_struct;
	vm_start: ulong;
	vm_end: ulong;
	vm_next: vm_area_struct | null = null;
	vm_prev: vm_area_struct | null = null;
	/** Bits 0 to 31 of the flags; look at them with `vma_test`. */
	vm_flags: number;
	/** Bit 32 and above, where the patch put VM_USERFAULT. */
	vm_flags_high: number;
	vm_page_prot: pteval_t;
	vm_pgoff: pgoff_t;
	anon_vma: anon_vma | null = null;
	/** From the oldest link to the newest: the kernel's list backwards. */
	readonly anon_vma_chain: anon_vma_chain[] = [];
	/** What a driver or file system does for the mapping; null is an anonymous one. */
	vm_ops: vm_operations_struct | null = null;
	vm_file: file | null = null;
	/** Where its pages come from; null is where the task runs. Policies are never changed, so vmas share them. */
	vm_policy: mempolicy | null = null;

	constructor(mm: mm_struct, start: ulong, end: ulong, flags: number, flags_high: number, page_prot: pteval_t, pgoff: pgoff_t) {
		this.vm_mm = mm;
		this.vm_start = start;
		this.vm_end = end;
		this.vm_flags = flags;
		this.vm_flags_high = flags_high;
		this.vm_page_prot = page_prot;
		this.vm_pgoff = pgoff;
	}
}

// enum: the counters of mm_struct.rss_stat, in pages
export const MM_FILEPAGES = 0;
export const MM_ANONPAGES = 1;
export const MM_SWAPENTS = 2;
export const NR_MM_COUNTERS = 3;

/** How many pmd entries an address space remembers the places of, a power of two: those of a gigabyte. */
export const WALKS = 512;

/** An address space. */
export class mm_struct {
	readonly machine: Machine;
	readonly rev: Revision;
	readonly arch: Arch;
	/** The vmas as a list in rising order, and as a tree by their start. */
	mmap: vm_area_struct | null = null;
	readonly mm_rb = new RangeList<vm_area_struct>();
	/** The vma that was found last, and the one before it: a move goes from one to the other and back. */
	mmap_cache: vm_area_struct | null = null;
	mmap_cache_second: vm_area_struct | null = null;
	map_count = 0;
	total_vm = 0;
	locked_vm = 0;
	/** VM_LOCKED after mlockall(MCL_FUTURE). */
	def_flags = 0;
	/** The heap; -1 until the first brk says where it begins. */
	start_brk: ulong = -1;
	brk: ulong = -1;
	/** The table at the top. */
	readonly pgd: number;
	/** Pte tables, the deposited ones of huge pages among them. */
	nr_ptes = 0;
	/** The tables put by for huge pmds. */
	readonly pmd_huge_pte: number[] = [];
	readonly rss_stat = new Int32Array(NR_MM_COUNTERS);
	/** MMF_VM_MERGEABLE: KSM looks at it. */
	mergeable = false;
	/** Tasks that use it. */
	mm_users = 1;
	/** The mmap_sem is held for writing: a down_read_trylock would fail. */
	mmap_sem_write = false;
	/** Where pmd entries are, by the number of the pmd: what makes a walk cost one look. Emptied when a table is freed. */
	readonly walk_key = new Int32Array(WALKS).fill(-1);
	readonly walk_pmd = new Int32Array(WALKS);

	constructor(machine: Machine, pgd: number) {
		this.machine = machine;
		this.rev = machine.rev;
		this.arch = machine.arch;
		this.pgd = pgd;
	}
}

/** A task of the trace. */
export class task_struct {
	readonly pid: number;
	/** null once the task has ended. */
	mm: mm_struct | null;
	/** A signal waits until the end of the next system call. */
	signal_pending = false;
	/** It is a fatal one. */
	fatal_signal_pending = false;
	/** Where the last access faulted: the two words of si_addr. */
	fault_lo = 0;
	fault_hi = 0;
	signal: signal_t = 0;

	constructor(pid: number, mm: mm_struct) {
		this.pid = pid;
		this.mm = mm;
	}
}
