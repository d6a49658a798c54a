using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using JitGrains.Silo.Identity;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>Something that a caller presents to show who it is, as whoever made it knows it.</summary>
/// <param name="Text">The text after <c>Bearer</c>.</param>
/// <param name="Who">Whom it names.</param>
/// <param name="Key">The number of the issuer's key that signed it; of an API key 0.</param>
/// <param name="ExpiresAt">Until when it is good.</param>
/// <param name="IsForged">Whether it was signed with a key of somebody else.</param>
internal sealed record Presented(string Text, string Who, int Key, DateTimeOffset ExpiresAt, bool IsForged);

/// <summary>
/// The identity provider: signs tokens, publishes its keys, withdraws one for the next, and is away. Who calls gets tokens from here, good
/// ones and, where there is mischief, those that have expired, whose key is gone, or that somebody else signed.
/// </summary>
internal sealed class SimIssuer(World world)
{
    public const string Name = "https://issuer.example.com";

    /// <summary>How far clocks may be off.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Life = TimeSpan.FromSeconds(16);
    private static readonly ECDsa Forger = KeyOf(0x66);
    private static readonly ImmutableArray<ECDsa> Keys = [.. Enumerable.Range(0, 6).Select(i => KeyOf((byte)(0x41 + i)))];

    private readonly Dice dice = world.Dice.Fork();
    private readonly Dictionary<string, Presented> byText = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Presented>> byName = new(StringComparer.Ordinal);
    private readonly Dictionary<SimProcess, (int Key, TimeSpan At)> known = [];

    /// <summary>How often something else is presented than a good token.</summary>
    public double Mischief { get; set; }

    /// <summary>Whether it does not answer.</summary>
    public bool IsDown { get; set; }

    /// <summary>The number of the key that it signs with, which is the only one that it publishes.</summary>
    public int Key { get; private set; }

    /// <summary>Signs with the next key from now on, and takes the last one back.</summary>
    public void Withdraw() => Key = Math.Min(Key + 1, Keys.Length - 1);

    /// <summary>What was presented, by its text; null of what nobody made.</summary>
    public Presented? Of(string token) => byText.GetValueOrDefault(token);

    /// <summary>Since when a process knows that only keys from this one on are good; null where it has asked for none.</summary>
    public (int Key, TimeSpan At)? KnownTo(SimProcess process) => known.TryGetValue(process, out var last) ? last : null;

    /// <summary>What this caller presents now.</summary>
    public string TokenOf(string who)
    {
        if (byText.TryGetValue(who, out var key))
            return key.Text;
        if (!byName.TryGetValue(who, out var tokens))
            byName[who] = tokens = [];
        var now = SimTime.TrueTime(world);
        if (tokens.Count > 0 && dice.Chance(Mischief))
        {
            return dice.Below(4) switch
            {
                0 => Sign(who, now, forged: true).Text,
                1 => dice.Of(tokens).Text,
                2 => tokens[0].Text,
                // As long as they can.
                _ => (tokens.Find(t => t.ExpiresAt > now) ?? tokens[^1]).Text,
            };
        }

        if (tokens.Count == 0 || tokens[^1].ExpiresAt < now + TimeSpan.FromSeconds(2) || tokens[^1].Key != Key)
            tokens.Add(Sign(who, now, forged: false));
        return tokens[^1].Text;
    }

    /// <summary>An API key, presented under its name from now on.</summary>
    public Presented Make(string name, TimeSpan life)
    {
        var secret = new byte[32];
        for (var i = 0; i < secret.Length; i++)
            secret[i] = (byte)dice.Below(256);
        var key = new Presented($"jitk_{Base64Url.EncodeToString(secret)}_{name}", name, 0, SimTime.TrueTime(world) + life, false);
        byText[key.Text] = byText[name] = key;
        return key;
    }

    /// <summary>How this process asks it.</summary>
    public IIssuerDocuments DocumentsFor(SimProcess process) => new Documents(this, world, process);

    private Presented Sign(string who, DateTimeOffset now, bool forged)
    {
        // So that clocks that are behind take it too.
        var claims = new Dictionary<string, object>
        {
            ["iss"] = Name,
            ["aud"] = "orders",
            ["sub"] = who,
            ["groups"] = People.GroupsOf[who],
            ["iat"] = (now - TimeSpan.FromMinutes(2)).ToUnixTimeSeconds(),
            ["exp"] = (now + Life).ToUnixTimeSeconds(),
            ["jti"] = $"{dice.Next():x}",
        };
        var signed = $"{Part(new { alg = "ES256", typ = "JWT", kid = $"key-{Key}" })}.{Part(claims)}";
        var text = $"{signed}.{Base64Url.EncodeToString((forged ? Forger : Keys[Key]).SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
        return byText[text] = new Presented(text, who, Key, DateTimeOffset.FromUnixTimeSeconds((long)claims["exp"]), forged);
    }

    private static string Part(object value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));

    private static ECDsa KeyOf(byte fill) => ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = [.. Enumerable.Repeat(fill, 32)] });

    private sealed class Documents(SimIssuer issuer, World world, SimProcess process) : IIssuerDocuments
    {
        public Task<string> ReadAsync(string address)
        {
            var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            world.At(issuer.dice.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)), () =>
            {
                if (issuer.IsDown)
                {
                    world.At(TimeSpan.FromSeconds(1), () => answer.TrySetException(new HttpRequestException("the issuer does not answer")));
                    return;
                }

                var (key, isKeys) = (issuer.Key, address.EndsWith("/keys", StringComparison.Ordinal));
                world.At(issuer.dice.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)), () =>
                {
                    if (isKeys && (!issuer.known.TryGetValue(process, out var last) || last.Key < key))
                        issuer.known[process] = (key, world.Now);
                    answer.TrySetResult(isKeys ? KeySet(key) : JsonSerializer.Serialize(new { issuer = Name, jwks_uri = Name + "/keys" }));
                });
            });
            return answer.Task;
        }

        public void Dispose()
        {
        }

        private static string KeySet(int key)
        {
            var at = Keys[key].ExportParameters(false).Q;
            return JsonSerializer.Serialize(new { keys = new[] { new { kty = "EC", crv = "P-256", use = "sig", alg = "ES256", kid = $"key-{key}", x = Base64Url.EncodeToString(at.X), y = Base64Url.EncodeToString(at.Y) } } });
        }
    }
}
