import {stack_guard_page_start, vma_test, VM_ACCOUNT, VM_DONTCOPY, VM_DONTDUMP, VM_DONTEXPAND, VM_DENYWRITE, VM_EXEC, VM_GROWSDOWN, VM_HUGEPAGE, VM_HUGETLB,
	VM_IO, VM_LOCKED, VM_MAYEXEC, VM_MAYREAD, VM_MAYSHARE, VM_MAYWRITE, VM_MERGEABLE, VM_MIXEDMAP, VM_NOHUGEPAGE, VM_NONLINEAR, VM_NORESERVE,
	VM_PAT, VM_PFNMAP, VM_RAND_READ, VM_READ, VM_SEQ_READ, VM_SHARED, VM_SOFTDIRTY, VM_USERFAULT, VM_WRITE} from '../include/linux/mm.ts';
import {MM_ANONPAGES, MM_FILEPAGES, MM_SWAPENTS, type mm_struct, type vm_area_struct} from '../include/linux/mm_types.ts';
import type {ulong, vm_flags_t} from '../include/linux/types.ts';

// fs/proc/task_mmu.c: what /proc shows of an address space

// fs/proc/task_mmu.c:show_smap_vma_flags(), Linux 3.10 and 3.17, in the order of the bits; the last row is the patch's
const mnemonics: readonly (readonly [word: string, bit: vm_flags_t])[] = [
	['rd', VM_READ],
	['wr', VM_WRITE],
	['ex', VM_EXEC],
	['sh', VM_SHARED],
	['mr', VM_MAYREAD],
	['mw', VM_MAYWRITE],
	['me', VM_MAYEXEC],
	['ms', VM_MAYSHARE],
	['gd', VM_GROWSDOWN],
	['pf', VM_PFNMAP],
	['dw', VM_DENYWRITE],
	['lo', VM_LOCKED],
	['io', VM_IO],
	['sr', VM_SEQ_READ],
	['rr', VM_RAND_READ],
	['dc', VM_DONTCOPY],
	['de', VM_DONTEXPAND],
	['ac', VM_ACCOUNT],
	['nr', VM_NORESERVE],
	['ht', VM_HUGETLB],
	['nl', VM_NONLINEAR],
	['ar', VM_PAT], // VM_ARCH_1
	['dd', VM_DONTDUMP],
	['sd', VM_SOFTDIRTY], // Linux 3.11 and later
	['mm', VM_MIXEDMAP],
	['hg', VM_HUGEPAGE],
	['nh', VM_NOHUGEPAGE],
	['mg', VM_MERGEABLE],
	['uf', VM_USERFAULT], // the kernel of 2013 shows ??
];

/** The words of the VmFlags line in smaps. */
export function show_smap_vma_flags(vma: vm_area_struct): string[] {
	return mnemonics.filter(([, bit]) => vma_test(vma, bit)).map(([word]) => word);
}

/** A word of the VmFlags line. */
export function isVmFlagsWord(word: string): boolean {
	return mnemonics.some(([known]) => known === word);
}

/** Rights as in /proc/PID/maps: `rw-p`. */
export function permissions(vma: vm_area_struct): string {
	return (vma_test(vma, VM_READ) ? 'r' : '-') + (vma_test(vma, VM_WRITE) ? 'w' : '-') + (vma_test(vma, VM_EXEC) ? 'x' : '-')
		+ (vma_test(vma, VM_MAYSHARE) ? 's' : 'p');
}

/** Where a vma begins in /proc/PID/maps: the guard page of a stack is not shown. */
export function shownStart(vma: vm_area_struct): ulong {
	return stack_guard_page_start(vma, vma.vm_start) ? vma.vm_start + vma.vm_mm.arch.PAGE_SIZE : vma.vm_start;
}

/** Resident pages, of files, anonymous, and swapped out. */
export interface Rss {
	readonly anon: number;
	readonly file: number;
	readonly swap: number;
}

export function rss(mm: mm_struct): Rss {
	return {anon: mm.rss_stat[MM_ANONPAGES]!, file: mm.rss_stat[MM_FILEPAGES]!, swap: mm.rss_stat[MM_SWAPENTS]!};
}

/** The vmas in rising order. */
export function* vmas(mm: mm_struct): Generator<vm_area_struct> {
	for (let vma = mm.mmap; vma !== null; vma = vma.vm_next) yield vma;
}
