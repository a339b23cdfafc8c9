/**
 * A small addon that holds back stderr while libtensorflow loads. TensorFlow ≥ 2.17 logs from static initialisers,
 * before it has read TF_CPP_MIN_LOG_LEVEL, so only the file descriptor itself can keep the terminal clean.
 * Node cannot duplicate a descriptor; hence C. The Node-API calls are declared here to need no headers.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quietPath } from '../tensor/native';
import { run } from './run';

const SOURCE = `#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
extern "C" {
typedef struct napi_env__* napi_env;
typedef struct napi_value__* napi_value;
typedef struct napi_callback_info__* napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
int napi_create_function(napi_env, const char*, size_t, napi_callback, void*, napi_value*);
int napi_create_string_utf8(napi_env, const char*, size_t, napi_value*);
int napi_set_named_property(napi_env, napi_value, const char*, napi_value);
}
static int terminal = -1, held = -1;
static napi_value Hold(napi_env, napi_callback_info) {
  held = memfd_create("stderr", MFD_CLOEXEC);
  terminal = fcntl(2, F_DUPFD_CLOEXEC, 3);
  if (held >= 0 && terminal >= 0) dup2(held, 2);
  return nullptr;
}
static napi_value Release(napi_env env, napi_callback_info) {
  std::string text;
  if (terminal >= 0) dup2(terminal, 2), close(terminal);
  if (held >= 0) {
    text.resize(lseek(held, 0, SEEK_END));
    ssize_t size = pread(held, &text[0], text.size(), 0);
    text.resize(size > 0 ? size : 0);
    close(held);
  }
  terminal = held = -1;
  napi_value result = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}
extern "C" __attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "hold", 4, Hold, nullptr, &function);
  napi_set_named_property(env, exports, "hold", function);
  napi_create_function(env, "release", 7, Release, nullptr, &function);
  napi_set_named_property(env, exports, "release", function);
  return exports;
}
`;

/** Compiles the addon into a build folder. Where it does not compile everything works, with two more lines on stderr. */
export async function buildQuiet(work: string, folder: string): Promise<void> {
  const source = join(work, 'quiet.cc');
  writeFileSync(source, SOURCE);
  mkdirSync(dirname(quietPath(folder)), { recursive: true });
  const args = ['-std=c++17', '-O1', '-shared', '-fPIC', '-o', quietPath(folder), source];
  await run(process.env.CXX ?? 'g++', args, { limitMs: 60_000 });
}
