/** All forms that can be saved and loaded. The first that fits a config reads it. */
import { adaloraForm } from './adalora';
import { doraForm } from './dora';
import type { AdapterForm } from './form';
import { loraForm } from './lora';

export const allForms: readonly AdapterForm[] = [adaloraForm, doraForm, loraForm];
