/** The thread's own entry. */
import { serveTasks } from '@holdfast/platform/process/task-thread';
import { archiveTasks } from './tasks.ts';

serveTasks(archiveTasks);
