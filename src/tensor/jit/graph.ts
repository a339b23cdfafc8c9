/** Builds a TensorFlow graph, node by node, with the protocol buffers that the native package ships. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from '../../project';
import { NATIVE_PACKAGE } from '../native';
import { FLOAT, type HostValues, INT32, type TensorMeta } from './native';

export type Attr =
  | { type: number }
  | { int: number }
  | { ints: readonly number[] }
  | { float: number }
  | { bool: boolean }
  | { string: string }
  | { shape: readonly number[] }
  | { tensor: TensorMeta & { values: HostValues } };

/** A message of the generated module: setters only are used. */
// biome-ignore lint/suspicious/noExplicitAny: the generated module has no types
type Message = any;

let loaded: Message = null;
function messages(): Message {
  loaded ??= createRequire(join(projectRoot(), 'package.json'))(`${NATIVE_PACKAGE}/dist/proto/api_pb.js`);
  return loaded;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

function shapeMessage(shape: readonly number[]): Message {
  const message = new (messages().TensorShape)();
  for (const size of shape) {
    const dim = new (messages().TensorShape.Dim)();
    dim.setSize(size);
    message.addDim(dim);
  }
  return message;
}

function attrMessage(attr: Attr): Message {
  const message = new (messages().AttrValue)();
  if ('type' in attr) message.setType(attr.type);
  else if ('int' in attr) message.setI(attr.int);
  else if ('float' in attr) message.setF(attr.float);
  else if ('bool' in attr) message.setB(attr.bool);
  else if ('string' in attr) message.setS(base64(attr.string));
  else if ('shape' in attr) message.setShape(shapeMessage(attr.shape));
  else if ('ints' in attr) {
    const list = new (messages().AttrValue.ListValue)();
    list.setIList([...attr.ints]);
    message.setList(list);
  } else {
    const { shape, dtype, values } = attr.tensor;
    const tensor = new (messages().Tensor)();
    tensor.setDtype(dtype);
    tensor.setTensorShape(shapeMessage(shape));
    tensor.setTensorContent(Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'));
    message.setTensor(tensor);
  }
  return message;
}

/** A value that lives in the graph's session between runs. */
export interface GraphVariable {
  readonly meta: TensorMeta;
  readonly handle: string;
  /** The value before any update of the same run. */
  readonly read: string;
}

/** Constants of more elements than this are written as a `Fill` when all are equal. */
const FILL_FROM = 16;

export class GraphBuilder {
  private readonly graph = new (messages().GraphDef)();
  private count = 0;
  /** Small constants by content: shapes and axes repeat in every layer. */
  private readonly constants = new Map<string, string>();

  /** Adds a node. Inputs are node names, `name:k` for another output than the first, `^name` to only wait. */
  node(op: string, inputs: readonly string[], attrs: Readonly<Record<string, Attr>>, name?: string): string {
    const node = new (messages().NodeDef)();
    const own = name ?? `n${this.count++}`;
    node.setName(own);
    node.setOp(op);
    node.setInputList([...inputs]);
    const map = node.getAttrMap();
    for (const [key, value] of Object.entries(attrs)) map.set(key, attrMessage(value));
    this.graph.addNode(node);
    return own;
  }

  placeholder({ shape, dtype }: TensorMeta): string {
    return this.node('Placeholder', [], { dtype: { type: dtype }, shape: { shape } });
  }

  constant(meta: TensorMeta, values: HostValues): string {
    const { shape, dtype } = meta;
    if (values.length >= FILL_FROM && values.every((v) => Object.is(v, values[0]))) {
      const dims = this.constant({ shape: [shape.length], dtype: INT32 }, Int32Array.from(shape));
      const value = this.constant({ shape: [], dtype }, values.slice(0, 1));
      return this.node('Fill', [dims, value], { T: { type: dtype }, index_type: { type: INT32 } });
    }
    const make = () => this.node('Const', [], { dtype: { type: dtype }, value: { tensor: { shape, dtype, values } } });
    if (values.length > FILL_FROM) return make();
    const key = `${dtype} [${shape}] ${new Uint8Array(values.buffer, values.byteOffset, values.byteLength)}`;
    const name = this.constants.get(key) ?? make();
    this.constants.set(key, name);
    return name;
  }

  scalar(value: number): string {
    return this.constant({ shape: [], dtype: FLOAT }, Float32Array.of(value));
  }

  /** Adds a float32 operation of one type attribute. */
  float(op: string, ...inputs: string[]): string {
    return this.node(op, inputs, { T: { type: FLOAT } });
  }

  variable(meta: TensorMeta): GraphVariable {
    const { shape, dtype } = meta;
    const name = `v${this.count++}`;
    const attrs: Record<string, Attr> = { dtype: { type: dtype }, shape: { shape } };
    const handle = this.node(
      'VarHandleOp',
      [],
      { ...attrs, shared_name: { string: name }, container: { string: '' } },
      name,
    );
    return { meta, handle, read: this.node('ReadVariableOp', [handle], { dtype: { type: dtype } }) };
  }

  assign({ handle, meta }: GraphVariable, value: string, ...after: string[]): string {
    return this.node('AssignVariableOp', [handle, value, ...after.map((name) => `^${name}`)], {
      dtype: { type: meta.dtype },
    });
  }

  /** The value once `after` is done. */
  readAfter({ handle, meta }: GraphVariable, after: string): string {
    return this.node('ReadVariableOp', [handle, `^${after}`], { dtype: { type: meta.dtype } });
  }

  /** Frees the value; it can be assigned again. */
  destroy({ handle }: GraphVariable): string {
    return this.node('DestroyResourceOp', [handle], { ignore_lookup_error: { bool: true } });
  }

  /** A node whose fetching makes the others run. */
  barrier(nodes: readonly string[]): string {
    return this.node('Identity', [this.scalar(0), ...nodes.map((name) => `^${name}`)], { T: { type: FLOAT } });
  }

  /** The graph as a SavedModel without signatures: it is run by node names. */
  serialise(): Uint8Array {
    const { VersionDef, MetaGraphDef, SavedModel } = messages();
    const version = new VersionDef();
    version.setProducer(1395);
    this.graph.setVersions(version);
    const info = new MetaGraphDef.MetaInfoDef();
    info.addTags('serve');
    const meta = new MetaGraphDef();
    meta.setMetaInfoDef(info);
    meta.setGraphDef(this.graph);
    const model = new SavedModel();
    model.setSavedModelSchemaVersion(1);
    model.addMetaGraphs(meta);
    return model.serializeBinary();
  }
}
