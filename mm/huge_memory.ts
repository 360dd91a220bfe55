import {EINVAL} from '../include/asm-generic/errno.ts';
import {notModelled} from '../include/linux/bug.ts';
import {because, D} from '../include/linux/decisions.ts';
import {FAIL_HUGE, THP_FAULT_ALLOC} from '../include/linux/machine.ts';
import {FAULT_FLAG_WRITE, flags_clear, flags_or, flags_test, vma_test, VM_FAULT_FALLBACK, VM_FAULT_OOM, VM_FAULT_SIGBUS, VM_HUGEPAGE,
	VM_NO_THP, VM_NOHUGEPAGE, VM_USERFAULT} from '../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../include/linux/mm_types.ts';
import type {ulong, vm_flags_t} from '../include/linux/types.ts';
import {pte_alloc_one, shouldFail} from './page_alloc.ts';
import {anon_vma_prepare} from './rmap.ts';
import {count_vm_event} from './vmstat.ts';

/**
 * A fault where a huge page would fit: SIGBUS in a userfault range. The vma has an anon_vma afterwards, even if it was only read.
 *
 * @returns VM_FAULT_FALLBACK where base pages must do; VM_FAULT_SIGBUS, VM_FAULT_OOM
 * @source mm/huge_memory.c:do_huge_pmd_anonymous_page(), __do_huge_pmd_anonymous_page() - P; 2013-05: I
 * @model A fault that really gets a huge page, or the huge zero page, is not modelled yet.
 */
export function do_huge_pmd_anonymous_page(mm: mm_struct, vma: vm_area_struct, address: ulong, flags: number): number {
	const m = mm.machine, {PMD_SIZE} = mm.arch, haddr = Math.floor(address / PMD_SIZE) * PMD_SIZE;
	if (haddr < vma.vm_start || haddr + PMD_SIZE > vma.vm_end) return VM_FAULT_FALLBACK;
	if (anon_vma_prepare(vma) !== 0) return VM_FAULT_OOM;
	const read = (flags & FAULT_FLAG_WRITE) === 0 && m.config.thp_zero_page;
	if (!read) {
		if (shouldFail(m, FAIL_HUGE)) return VM_FAULT_FALLBACK;
		if (m.rev.counts_thp_at_allocation) count_vm_event(m, THP_FAULT_ALLOC);
	}
	const pgtable = pte_alloc_one(m);
	if (pgtable === 0) return VM_FAULT_OOM;
	m.tables.free(pgtable);
	if (vma_test(vma, VM_USERFAULT)) return because(m, read ? D.userfault_huge_zero : D.userfault_huge, VM_FAULT_SIGBUS);
	return notModelled(read ? 'a fault that gets the huge zero page' : 'a fault that gets a huge page');
}

/**
 * MADV_HUGEPAGE and MADV_NOHUGEPAGE.
 *
 * @returns the new flags; -EINVAL
 * @source mm/huge_memory.c:hugepage_madvise() - K
 */
export function hugepage_madvise(vma: vm_area_struct, flags: vm_flags_t, huge: boolean): number {
	const m = vma.vm_mm.machine;
	if (huge) {
		if (flags_test(flags, VM_HUGEPAGE | VM_NO_THP)) return because(m, D.madvise_huge_again, -EINVAL);
		return flags_or(flags_clear(flags, VM_NOHUGEPAGE), VM_HUGEPAGE);
	}
	if (flags_test(flags, VM_NOHUGEPAGE | VM_NO_THP)) return because(m, D.madvise_nohuge_again, -EINVAL);
	return flags_or(flags_clear(flags, VM_HUGEPAGE), VM_NOHUGEPAGE);
}
