import { isObject, JsonNumber, type ReplyValue, show } from "./reply.ts";

/** A type of QEMU's qga/qapi-schema.json. */
export type ReplyType =
  | "str"
  | "bool"
  | "int"
  | "uint64"
  | "number"
  | { readonly oneOf: readonly string[] }
  | { readonly listOf: ReplyType }
  | { readonly members: Members };

/** The members of a struct; one that may be missing has a `*` before its name. */
type Members = Readonly<Record<string, ReplyType>>;

const EMPTY: ReplyType = { members: {} };

/** Members of one type, by their names. */
function all(type: ReplyType, names: string): Members {
  return Object.fromEntries(names.split(" ").map((name) => [name, type]));
}

/** The two halves of a number of 128 bits. */
function halves(names: string): Members {
  return all("uint64", names.split(" ").flatMap((name) => [`${name}-lo`, `${name}-hi`]).join(" "));
}

const BUS_TYPE: ReplyType = {
  oneOf: [
    ...[
      "ide",
      "fdc",
      "scsi",
      "virtio",
      "xen",
      "usb",
      "uml",
      "sata",
      "sd",
      "unknown",
      "ieee1394",
      "ssa",
    ],
    ...["fibre", "raid", "iscsi", "sas", "mmc", "virtual", "file-backed-virtual", "nvme"],
  ],
};

const DISK_ADDRESS: ReplyType = {
  members: {
    "pci-controller": { members: all("int", "domain bus slot function") },
    "bus-type": BUS_TYPE,
    ...all("int", "bus target unit"),
    ...all("str", "*serial *dev"),
    "*ccw-address": { members: all("int", "cssid ssid subchno devno") },
  },
};

const NVME_SMART: ReplyType = {
  members: {
    type: { oneOf: ["nvme"] },
    ...all(
      "int",
      "critical-warning temperature available-spare available-spare-threshold percentage-used",
    ),
    ...halves(
      "data-units-read data-units-written host-read-commands host-write-commands controller-busy-time",
    ),
    ...halves(
      "power-cycles power-on-hours unsafe-shutdowns media-errors number-of-error-log-entries",
    ),
  },
};

const TRIM_RESULT: ReplyType = {
  members: { path: "str", ...all("int", "*trimmed *minimum"), "*error": "str" },
};

const INTERFACE: ReplyType = {
  members: {
    name: "str",
    "*hardware-address": "str",
    "*ip-addresses": {
      listOf: {
        members: {
          "ip-address": "str",
          "ip-address-type": { oneOf: ["ipv4", "ipv6"] },
          prefix: "int",
        },
      },
    },
    "*statistics": {
      members: all(
        "uint64",
        "rx-bytes rx-packets rx-errs rx-dropped tx-bytes tx-packets tx-errs tx-dropped",
      ),
    },
  },
};

const ROUTE: ReplyType = {
  members: {
    ...all("str", "iface destination *gateway *mask *desprefixlen *source *srcprefixlen *nexthop"),
    ...all("int", "metric version *irtt *refcnt *use *window *mtu"),
    "*flags": "uint64",
  },
};

const DISK_STATISTICS: ReplyType = {
  members: {
    name: "str",
    ...all("uint64", "major minor"),
    stats: {
      members: {
        ...all("uint64", "*read-sectors *read-ios *read-merges *read-ticks"),
        ...all("uint64", "*write-sectors *write-ios *write-merges *write-ticks"),
        ...all("uint64", "*discard-sectors *discard-ios *discard-merges *discard-ticks"),
        ...all("uint64", "*flush-ios *flush-ticks *ios-pgr *total-ticks *weight-ticks"),
      },
    },
  },
};

/** What each command returns. Those that return something else than `{}`, by their names. */
const RETURNED: Readonly<Record<string, ReplyType>> = {
  "guest-sync": "int",
  "guest-sync-delimited": "int",
  "guest-get-time": "int",
  "guest-info": {
    members: {
      version: "str",
      supported_commands: {
        listOf: {
          members: {
            name: "str",
            ...all("bool", "enabled success-response"),
            // Ours: QMP ignores members that it does not know.
            "*disabled-reason": "str",
          },
        },
      },
    },
  },
  "guest-file-open": "int",
  "guest-file-read": { members: { count: "int", "buf-b64": "str", eof: "bool" } },
  "guest-file-write": { members: { count: "int", eof: "bool" } },
  "guest-file-seek": { members: { position: "int", eof: "bool" } },
  "guest-fsfreeze-status": { oneOf: ["thawed", "frozen"] },
  "guest-fsfreeze-freeze": "int",
  "guest-fsfreeze-freeze-list": "int",
  "guest-fsfreeze-thaw": "int",
  "guest-fstrim": { members: { paths: { listOf: TRIM_RESULT } } },
  "guest-network-get-interfaces": { listOf: INTERFACE },
  "guest-network-get-route": { listOf: ROUTE },
  "guest-get-vcpus": {
    listOf: { members: { "logical-id": "int", ...all("bool", "online *can-offline") } },
  },
  "guest-set-vcpus": "int",
  "guest-get-disks": {
    listOf: {
      members: {
        name: "str",
        partition: "bool",
        "*dependencies": { listOf: "str" },
        "*address": DISK_ADDRESS,
        "*alias": "str",
        "*smart": NVME_SMART,
      },
    },
  },
  "guest-get-fsinfo": {
    listOf: {
      members: {
        ...all("str", "name mountpoint type"),
        ...all("uint64", "*used-bytes *total-bytes *total-bytes-privileged"),
        disk: { listOf: DISK_ADDRESS },
      },
    },
  },
  "guest-get-memory-blocks": {
    listOf: { members: { "phys-index": "uint64", ...all("bool", "online *can-offline") } },
  },
  "guest-set-memory-blocks": {
    listOf: {
      members: {
        "phys-index": "uint64",
        response: {
          oneOf: ["success", "not-found", "operation-not-supported", "operation-failed"],
        },
        "*error-code": "int",
      },
    },
  },
  "guest-get-memory-block-info": { members: { size: "uint64" } },
  "guest-exec": { members: { pid: "int" } },
  "guest-exec-status": {
    members: {
      exited: "bool",
      ...all("int", "*exitcode *signal"),
      ...all("str", "*out-data *err-data"),
      ...all("bool", "*out-truncated *err-truncated"),
    },
  },
  "guest-get-host-name": { members: { "host-name": "str" } },
  "guest-get-users": {
    listOf: { members: { user: "str", "login-time": "number", "*domain": "str" } },
  },
  "guest-get-timezone": { members: { "*zone": "str", offset: "int" } },
  "guest-get-osinfo": {
    members: {
      ...all("str", "*kernel-release *kernel-version *machine *id *name *pretty-name"),
      ...all("str", "*version *version-id *variant *variant-id"),
    },
  },
  "guest-get-diskstats": { listOf: DISK_STATISTICS },
  "guest-get-cpustats": {
    listOf: {
      members: {
        type: { oneOf: ["linux"] },
        cpu: "int",
        ...all("uint64", "user nice system idle"),
        ...all("uint64", "*iowait *irq *softirq *steal *guest *guestnice"),
      },
    },
  },
  "guest-get-load": { members: all("number", "load1m load5m load15m") },
  "guest-ssh-get-authorized-keys": { members: { keys: { listOf: "str" } } },
};

/**
 * Where a reply is not what QEMU's qga/qapi-schema.json says: members that are missing, of another type, or
 * not in it at all. An error has its class and description, and a reply nothing beside.
 *
 * @returns a sentence for each fault
 */
export function replyFaults(command: string, reply: ReplyValue): string[] {
  if (!isObject(reply)) return [`the reply is ${show(reply)}`];
  const { id: _echoed, ...rest } = reply;
  if ("error" in rest) {
    const error: ReplyType = { members: all("str", "class desc") };
    return [...faults({ members: { error } }, rest, command)];
  }
  return [...faults({ members: { return: RETURNED[command] ?? EMPTY } }, rest, command)];
}

function* faults(type: ReplyType, value: ReplyValue, where: string): Generator<string> {
  if (typeof type === "string") {
    if (!isOf(type, value)) yield `${where} is ${show(value)}, and not ${type}`;
  } else if ("oneOf" in type) {
    const known = typeof value === "string" && type.oneOf.includes(value);
    if (!known) yield `${where} is ${show(value)}, and not one of ${type.oneOf.join(", ")}`;
  } else if ("listOf" in type) {
    if (!Array.isArray(value)) {
      yield `${where} is ${show(value)}, and no list`;
      return;
    }
    for (const [index, item] of value.entries()) {
      yield* faults(type.listOf, item, `${where}[${index}]`);
    }
  } else {
    yield* memberFaults(type.members, value, where);
  }
}

function* memberFaults(members: Members, value: ReplyValue, where: string): Generator<string> {
  if (!isObject(value)) {
    yield `${where} is ${show(value)}, and no object`;
    return;
  }
  const left = new Set(Object.keys(value));
  for (const [declared, type] of Object.entries(members)) {
    const name = declared.replace("*", "");
    left.delete(name);
    const inner = value[name];
    if (inner !== undefined) yield* faults(type, inner, `${where}.${name}`);
    else if (name === declared) yield `${where} has no ${name}`;
  }
  for (const name of left) yield `${where} has ${name}, which the schema does not know`;
}

const INT64 = 2n ** 63n;

function isOf(type: "str" | "bool" | "int" | "uint64" | "number", value: ReplyValue): boolean {
  if (type === "str") return typeof value === "string";
  if (type === "bool") return typeof value === "boolean";
  if (!(value instanceof JsonNumber)) return false;
  if (type === "number") return true;
  if (!value.isInteger) return false;
  const number = BigInt(value.text);
  return type === "int" ? number >= -INT64 && number < INT64 : number >= 0n && number < 2n * INT64;
}
