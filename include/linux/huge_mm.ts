import type {vm_area_struct} from './mm_types.ts';
import {vma_test, VM_HUGEPAGE, VM_NOHUGEPAGE} from './mm.ts';

// include/linux/huge_mm.h

/**
 * May a fault in the vma get a huge page?
 *
 * @source include/linux/huge_mm.h:transparent_hugepage_enabled() - K
 * @model The stack that execve moves about does not occur in a trace.
 */
export function transparent_hugepage_enabled(vma: vm_area_struct): boolean {
	const mm = vma.vm_mm, {thp} = mm.machine.config;
	if (!mm.arch.huge_pages || thp === 'never' || vma_test(vma, VM_NOHUGEPAGE)) return false;
	return thp === 'always' || vma_test(vma, VM_HUGEPAGE);
}
