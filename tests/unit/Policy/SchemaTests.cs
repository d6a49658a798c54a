using Schema = JitGrains.Policy.Schema.ValueType;
using System.Text.Json.Nodes;
using JitGrains.Policy;
using JitGrains.Policy.Schema;

namespace JitGrains.UnitTests.Policy;

/// <summary>The tables of keys, the binder and the checked-in schema say the same.</summary>
public class SchemaTests
{
    [Fact]
    public void The_checked_in_schema_is_the_generated_one()
    {
        // To write it anew after a change of the tables: JITGRAINS_WRITE=1 ./test unit
        if (Environment.GetEnvironmentVariable("JITGRAINS_WRITE") == "1")
            File.WriteAllText(Files.PathTo("docs/policy.schema.json"), PolicySchema.Generate());
        Assert.Equal(Files.Read("docs/policy.schema.json"), PolicySchema.Generate());
    }

    [Fact]
    public void The_binder_reads_every_key_of_the_tables()
    {
        var everything = Everything();
        Assert.Empty(Given.Load(everything.ToJsonString()).Problems);

        var visited = new HashSet<string>(StringComparer.Ordinal);
        Visit(PolicyShapes.Root, everything, "");
        var all = new HashSet<string>(StringComparer.Ordinal);
        Collect(new ShapeType(PolicyShapes.Root), all, []);
        Assert.Equal(all.Order(StringComparer.Ordinal), visited.Order(StringComparer.Ordinal));

        // A list in a list fits nowhere, so a key that is read complains about it, at its own path.
        void Visit(Shape shape, JsonObject node, string path)
        {
            foreach (var key in shape.Keys.Where(k => node.ContainsKey(k.Name)))
            {
                var at = path.Length == 0 ? key.Name : $"{path}.{key.Name}";
                visited.Add($"{shape.Name}.{key.Name}");
                var value = node[key.Name]!;
                node[key.Name] = new JsonArray(new JsonArray());
                Assert.Contains(Given.Load(everything.ToJsonString()).Problems, p => p.Path.StartsWith(at, StringComparison.Ordinal) && p.Severity == PolicyProblemSeverity.Error);
                node[key.Name] = value;
                Descend(key.Type, value, at);
            }
        }

        void Descend(Schema type, JsonNode value, string path)
        {
            switch (type)
            {
                case ShapeType shape when value is JsonObject inner:
                    Visit(shape.Shape, inner, path);
                    break;
                case LazyShapeType lazy when value is JsonObject inner:
                    Visit(lazy.Shape, inner, path);
                    break;
                case MapType map when value is JsonObject entries:
                    foreach (var entry in entries.ToArray())
                        Descend(map.Value, entry.Value!, $"{path}.{entry.Key}");
                    break;
                case ListType list when value is JsonArray items:
                    for (var i = 0; i < items.Count; i++)
                        Descend(list.Item, items[i]!, $"{path}[{i}]");
                    break;
                case EitherType either:
                    foreach (var one in either.Types)
                        Descend(one, value, path);
                    break;
                default:
                    break;
            }
        }
    }

    private static void Collect(Schema type, HashSet<string> keys, HashSet<Shape> seen)
    {
        var shape = type switch { ShapeType s => s.Shape, LazyShapeType l => l.Shape, _ => null };
        if (shape is not null && seen.Add(shape))
        {
            foreach (var key in shape.Keys)
            {
                keys.Add($"{shape.Name}.{key.Name}");
                Collect(key.Type, keys, seen);
            }
        }

        foreach (var inner in type switch { ListType l => [l.Item], MapType m => [m.Value], EitherType e => e.Types, _ => Array.Empty<Schema>() })
            Collect(inner, keys, seen);
    }

    // Every key at least once. JSON is YAML, and easier to take apart.
    private static JsonObject Everything() => JsonNode.Parse("""
        {
          "version": 1, "realm": "dev", "groups": {"managers": {"members": ["user:bob", "user:carol"]}, "all": {}},
          "networks": {"office": ["198.51.100.0/24"]}, "network": {"deny": ["10.1.0.0/16", {"in": ["10.2.0.0/16"], "country": ["DE"]}], "allow": ["office", "10.0.0.0/8"]},
          "apis": {"a": {
            "upstreams": ["https://127.0.0.1:1"], "host": "a.example.com", "prefix": "/a", "mode": "observe", "dialect": "loose",
            "forward_authorization": true, "upstream_timeout": "10s", "upstream_http2": true, "connect_timeout": "1s", "load_balancing": "first",
            "health_check": {"path": "/healthz", "interval": "2s", "timeout": "1s", "failures": 3}, "circuit_breaker": {"failure_percent": 50, "open_for": "50s"},
            "when_none_healthy": "try", "assertion": {"audience": "orders", "life": "10s"},
            "credential": {"header": {"name": "X-Key", "value": "env:KEY", "prefix": "Key"}, "client_certificate": {"certificate": "file:/run/tls.crt", "key": "file:/run/tls.key"}}, "retries": 1, "network": {"allow": ["office"]}, "audiences": ["a"],
            "cors": {"origins": ["https://app.example.com"], "allowed_headers": ["x-a"], "exposed_headers": ["x-b"], "allow_credentials": true, "max_age": "1m"},
            "actions": {
              "a.pay": {
                "methods": ["POST"], "path": "/a/{id}", "access": "write", "sensitivity": "high", "binding": "payload", "unbound_headers": ["x-c"],
                "when": {"query": {"v": "1"}, "headers": {"x-v": "1"}, "body": {"kind": "pay"}},
                "hold": {"default": "1s", "cap": "2s"}, "body_limit": "64KiB", "mask": ["body.card"], "summary": "Pay {body.amount}",
                "encoded_parameter": "id", "drain": true
              }
            }
          }, "b": {
            "upstreams": ["http://127.0.0.1:1"], "prefix": "/b", "credential": {"query": {"name": "key", "value": "env:KEY"}}, "actions": {"b.get": {"methods": ["GET"], "path": "/b/{id}", "access": "write"}}
          }, "c": {
            "upstreams": ["http://127.0.0.1:1"], "prefix": "/c", "credential": {"basic": {"user": "u", "password": "env:KEY"}}, "actions": {"c.get": {"methods": ["GET"], "path": "/c/{id}", "access": "write"}}
          }, "d": {
            "upstreams": ["http://127.0.0.1:1"], "prefix": "/d", "actions": {"d.get": {"methods": ["GET"], "path": "/d/{id}", "access": "write"}},
            "credential": {"oauth": {"token_url": "https://id.example.com/token", "client_id": "i", "client_secret": "env:KEY", "scope": "s", "audience": "a", "client_auth": "body"}}
          }},
          "rules": [
            {"name": "no", "description": "Nobody from outside.", "who": {"anyone": true, "claims": {"a": 1}}, "actions": {"names": ["a.pay", "b.get", "c.get", "d.get"]}, "effect": "deny",
             "when": {
               "path": {"id": {"equals": "x", "in": ["x", "y"], "not": {"prefix": "z"}, "prefix": "x", "suffix": "x", "matches": "x+", "exists": true}},
               "query": {"n": {"less_than": 9, "at_most": 9, "greater_than": 1, "at_least": 1}}, "headers": {"x-d": "1"}, "body": {"b": {"contains": "x"}},
               "device": {
                 "certificate": {"issued_by": ["fleet"], "thumbprints": ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"], "names": ["dns:a.example.com"]}, "key": {"bound_by": ["dpop"], "thumbprints": ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"]}, "claims": {"d": true},
                 "not": {"certificate": {"issued_by": ["lost"]}, "key": {"bound_by": ["certificate"]}, "claims": {"e": true}}
               },
               "claims": {"c": true}, "address": {"in": ["10.0.0.0/8"], "not": ["10.1.0.0/16"], "country": {"in": ["DE"], "not": ["FR"]}, "asn": {"in": [64500], "not": [64501]}},
               "time": {"days": ["mon-fri"], "from": "09:00", "to": "17:00", "zone": "Europe/Berlin", "outside": true}
             }},
            {"name": "yes", "who": {"principals": ["user:alice"], "groups": ["all"], "actors": ["agent:bot"]}, "actions": {"access": ["write"], "sensitivity": ["high"]}, "effect": "approve",
             "sign_in": {"max_age": "10m", "acr": ["gold"], "amr": ["mfa", "hwk"]},
             "approve": {
               "stages": [{"name": "one", "groups": ["managers"], "principals": ["user:dave"], "quorum": 2, "sign_in": {"amr": ["mfa"]}}], "auto": {"address": ["10.0.0.0/8"]},
               "reason": "required", "uses": {"default": 1, "max": 1}, "window": {"default": "1m", "max": "2m"}, "decide_within": "1h", "denial_cooldown": "0s"
             }},
            {"name": "again", "who": {"groups": ["all"]}, "actions": {"names": ["a.pay"]}, "effect": "approve",
             "approve": {"stages": [{"groups": ["managers"]}], "uses": "once", "use_within": "1m"}}
          ],
          "limits": {
            "one": {"description": "Nobody too often.", "counts": "calls", "per": ["principal"], "who": {"anyone": true}, "actions": {"names": ["a.pay"]}, "apis": ["a"],
                    "bucket": {"rate": 10, "every": "1m", "burst": 20}, "shared": true, "headers": "always"},
            "two": {"per": "address", "window": {"most": 10, "within": "1m"}},
            "three": {"concurrent": 3, "held": true}
          }
        }
        """)!.AsObject();
}
