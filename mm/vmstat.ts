import {type Machine, vmEvents} from '../include/linux/machine.ts';

// mm/vmstat.c: the counters that `vmstat` rows look at

export function count_vm_event(m: Machine, event: number): void {
	m.vm_events[event]!++;
}

/** @returns how often it was counted since the trace began; -1 for a name that is not kept */
export function vmstat(m: Machine, name: string): number {
	const event = (vmEvents as readonly string[]).indexOf(name === 'thp_split_page' ? 'thp_split' : name);
	return event < 0 ? -1 : m.vm_events[event]!;
}
