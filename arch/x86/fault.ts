import {pmd_trans_huge, pmd_walk, pte_offset, pte_pfn, ptep_get, set_pte_bits} from '../../include/asm-generic/pgtable.ts';
import {modelBug} from '../../include/linux/bug.ts';
import {D, decide} from '../../include/linux/decisions.ts';
import {down_read, up_read} from '../../include/linux/lockdep.ts';
import {HUGE_ZERO_PAGE, ZERO_PAGE} from '../../include/linux/machine.ts';
import {FAULT_FLAG_WRITE, vma_test, VM_EXEC, VM_FAULT_ERROR, VM_FAULT_OOM, VM_GROWSDOWN, VM_READ, VM_WRITE} from '../../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../../include/linux/mm_types.ts';
import type {signal_t, ulong} from '../../include/linux/types.ts';
import {handle_mm_fault} from '../../mm/memory.ts';
import {expand_stack, find_vma} from '../../mm/mmap.ts';
import {_PAGE_ACCESSED, _PAGE_DIRTY, _PAGE_NX, _PAGE_PRESENT, _PAGE_RW} from './pgtable.ts';

// arch/x86/mm/fault.c, and the processor in front of it

// the error code of a page fault
export const PF_PROT  = 0x01; // the entry is present and forbids the access
export const PF_WRITE = 0x02;
export const PF_USER  = 0x04;
export const PF_RSVD  = 0x08;
export const PF_INSTR = 0x10;

export const SIGBUS: signal_t = 7;
export const SIGSEGV: signal_t = 11;
/** No signal: there is no memory, and the task is killed. */
export const OOM: signal_t = 256;

/** Does the vma forbid an access? @source arch/x86/mm/fault.c:access_error() - K */
function access_error(error_code: number, vma: vm_area_struct): number {
	if ((error_code & PF_WRITE) !== 0) return vma_test(vma, VM_WRITE) ? -1 : D.fault_write_protected;
	if ((error_code & PF_PROT) !== 0) return D.fault_present;
	return vma_test(vma, VM_READ | VM_EXEC | VM_WRITE) ? -1 : D.fault_no_access;
}

/** The part of a fault that holds the mmap_sem. @returns the signal, OOM, or 0 when the access can be tried again */
function faultInVma(mm: mm_struct, address: ulong, error_code: number): signal_t {
	const m = mm.machine, vma = find_vma(mm, address);
	if (vma === null) {
		decide(m, D.fault_no_vma);
		return SIGSEGV;
	}
	if (vma.vm_start > address) {
		if (!vma_test(vma, VM_GROWSDOWN)) {
			decide(m, D.fault_below_vma);
			return SIGSEGV;
		}
		if ((error_code & PF_USER) !== 0) {
			decide(m, D.fault_below_stack);
			return SIGSEGV;
		}
		if (expand_stack(vma, address) !== 0) {
			decide(m, D.fault_stack_cannot_grow);
			return SIGSEGV;
		}
	}
	const forbidden = access_error(error_code, vma);
	if (forbidden >= 0) {
		decide(m, forbidden);
		return SIGSEGV;
	}
	const fault = handle_mm_fault(mm, vma, address, (error_code & PF_WRITE) !== 0 ? FAULT_FLAG_WRITE : 0);
	if ((fault & VM_FAULT_ERROR) === 0) return 0;
	if ((fault & VM_FAULT_OOM) === 0) return SIGBUS;
	decide(m, D.fault_nomem);
	return OOM;
}

/**
 * Answers a page fault at a user address.
 *
 * @param address - bytes, below 2^47
 * @returns 0 when the access can be tried again; SIGSEGV, SIGBUS, OOM (for the kernel's own access each means -EFAULT)
 * @source arch/x86/mm/fault.c:__do_page_fault() - K
 * @model The user's stack pointer is above every mapping of the trace, so a user's access never makes a stack grow.
 */
export function do_page_fault(mm: mm_struct, address: ulong, error_code: number): signal_t {
	if (address >= mm.arch.TASK_SIZE) {
		decide(mm.machine, D.fault_kernel_address);
		return SIGSEGV;
	}
	down_read(mm);
	const signal = faultInVma(mm, address, error_code);
	up_read(mm);
	return signal;
}

/**
 * What the processor does with an access: the entry is looked at, and takes its young and dirty bits.
 *
 * @returns the page; or 0, and the access faults with PF_PROT or without: -1, -2
 */
function mmu(mm: mm_struct, address: ulong, error_code: number): number {
	const m = mm.machine, pmd = pmd_walk(mm, address);
	// a table below an entry that is not present is not looked at either
	if (pmd < 0 || (ptep_get(m, pmd) & _PAGE_PRESENT) === 0) return -2;
	const huge = pmd_trans_huge(m, pmd), ptep = huge ? pmd : pte_offset(mm, pmd, address), bits = ptep_get(m, ptep);
	if ((bits & _PAGE_PRESENT) === 0) return -2;
	let used = bits | _PAGE_ACCESSED;
	if ((error_code & PF_WRITE) !== 0) {
		if ((bits & _PAGE_RW) === 0) return -1;
		used |= _PAGE_DIRTY;
	}
	if ((error_code & PF_INSTR) !== 0 && (bits & _PAGE_NX) !== 0) return -1;
	if (used !== bits) set_pte_bits(m, ptep, used);
	const page = pte_pfn(m, ptep);
	if (!huge) return page;
	return page === HUGE_ZERO_PAGE ? ZERO_PAGE : page + ((address / mm.arch.PAGE_SIZE) & (mm.arch.PTRS_PER_PTE - 1));
}

/** More faults than any access takes: a page that comes, turns out to be read-only, and is copied takes two; NUMA hints of table and entry come before. */
const MANY_FAULTS = 9;

/**
 * One access to one address, with all the faults that it takes.
 *
 * @param error_code - PF_WRITE, PF_USER, PF_INSTR as the processor would report them
 * @returns the page that was touched; -SIGSEGV, -SIGBUS, -OOM
 */
export function access(mm: mm_struct, address: ulong, error_code: number): number {
	for (let faults = 0; faults < MANY_FAULTS; faults++) {
		const page = address < mm.arch.TASK_SIZE ? mmu(mm, address, error_code) : -2;
		if (page > 0) return page;
		const signal = do_page_fault(mm, address, page === -1 ? error_code | PF_PROT : error_code);
		if (signal !== 0) return -signal;
	}
	return modelBug('an access faults for ever');
}

/** The error code with which the processor would report an access now; -1 if it would not fault. The entry stays as it is. */
export function wouldFault(mm: mm_struct, address: ulong, error_code: number): number {
	const m = mm.machine, pmd = address < mm.arch.TASK_SIZE ? pmd_walk(mm, address) : -1;
	if (pmd < 0 || (ptep_get(m, pmd) & _PAGE_PRESENT) === 0) return error_code;
	const bits = ptep_get(m, pmd_trans_huge(m, pmd) ? pmd : pte_offset(mm, pmd, address));
	if ((bits & _PAGE_PRESENT) === 0) return error_code;
	const forbidden = ((error_code & PF_WRITE) !== 0 && (bits & _PAGE_RW) === 0) || ((error_code & PF_INSTR) !== 0 && (bits & _PAGE_NX) !== 0);
	return forbidden ? error_code | PF_PROT : -1;
}

/** The zero page has no struct page of its own and cannot be written. */
export function isZeroPage(page: number): boolean {
	return page === ZERO_PAGE;
}
