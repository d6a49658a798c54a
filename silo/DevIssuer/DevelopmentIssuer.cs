using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using JitGrains.Identity;
using JitGrains.Json;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Secrets;

namespace JitGrains.Silo.DevIssuer;

/// <summary>
/// The quickstart's own token issuer: discovery, keys and a token endpoint on the control plane's listener, so that
/// tokens are verified by the code that real issuers use. Its name is random for each data folder, and no other is
/// accepted. Never part of an installation that is not a quickstart. Thread-safe.
/// </summary>
public sealed class DevelopmentIssuer : IDisposable
{
    /// <summary>The realm of its principals.</summary>
    public const string Realm = "dev";

    /// <summary>The audience of its tokens.</summary>
    public const string Audience = "jitgrains";

    internal const string FileName = "dev-issuer.json";
    private const string KeyFileName = "dev-issuer-key.pem";
    private const string SharedKeyName = "dev-issuer";
    private const string SharedNameName = "dev-issuer-name";

    /// <summary>The four principals and their groups.</summary>
    internal static readonly IReadOnlyDictionary<string, string> GroupOf = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["alice"] = "engineering",
        ["bob"] = "managers",
        ["carol"] = "managers",
        ["dave"] = "auditors",
    };

    private readonly DataFolder folder;
    private readonly string name;

    private DevelopmentIssuer(DataFolder folder, string name, SecretText clientSecret, ECDsa key)
    {
        this.folder = folder;
        this.name = name;
        ClientSecret = clientSecret;
        Key = key;
        KeyId = Base64Url.EncodeToString(SHA256.HashData(key.ExportSubjectPublicKeyInfo()).AsSpan(0, 9));
    }

    /// <summary>The path of its endpoints: <c>/dev-issuer/{random}</c>.</summary>
    public string Path => PathOf(name);

    /// <summary>Its identifier; null until <see cref="ListenAt"/>.</summary>
    public string? Issuer { get; private set; }

    internal SecretText ClientSecret { get; }

    internal ECDsa Key { get; }

    internal string KeyId { get; }

    /// <summary>Loads the issuer from the data folder, and makes it if it is not there.</summary>
    /// <exception cref="StartupException">Its files are damaged.</exception>
    public static DevelopmentIssuer Open(DataFolder folder)
    {
        try
        {
            if (!File.Exists(folder.PathOf(KeyFileName)))
            {
                using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                folder.WriteNew(KeyFileName, System.Text.Encoding.ASCII.GetBytes(made.ExportPkcs8PrivateKeyPem() + "\n"));
            }

            if (!File.Exists(folder.PathOf(FileName)))
                Write(folder, new Stored(new RandomIdGenerator().NewSuffix(), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(24)), null, null));

            var stored = JsonSerializer.Deserialize<Stored>(File.ReadAllText(folder.PathOf(FileName)), JitJson.Options);
            if (stored is null || !IdFormat.IsId(stored.Name, "") || string.IsNullOrEmpty(stored.ClientSecret))
                throw new StartupException($"{folder.PathOf(FileName)} is damaged; delete it and start again.");
            var key = ECDsa.Create();
            key.ImportFromPem(File.ReadAllText(folder.PathOf(KeyFileName)));
            return new DevelopmentIssuer(folder, stored.Name, new SecretText(stored.ClientSecret), key);
        }
        catch (Exception e) when (e is JsonException or CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The development issuer's files in {folder.Path} cannot be used; delete {FileName} and {KeyFileName} and start again.", e);
        }
    }

    /// <summary>The issuer that all silos of a cluster run: its key and secret are the cluster's, made by the first of them.</summary>
    /// <param name="folder">Where this silo writes what <c>jit dev token</c> needs.</param>
    /// <param name="store">The cluster's keys.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<DevelopmentIssuer> OpenSharedAsync(DataFolder folder, IKeyStore store, CancellationToken cancellationToken = default)
    {
        if (await store.ReadAsync(cancellationToken) is var known && !known.ContainsKey(SharedKeyName))
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var shared = new Shared(new RandomIdGenerator().NewSuffix(), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(24)), Convert.ToBase64String(made.ExportPkcs8PrivateKey()));
            await store.AddAsync(
                [
                    new SharedKey(SharedKeyName, false, JsonSerializer.SerializeToUtf8Bytes(shared, JitJson.Options)),
                    new SharedKey(SharedNameName, true, System.Text.Encoding.ASCII.GetBytes(shared.Name)),
                ],
                cancellationToken);
            known = await store.ReadAsync(cancellationToken);
        }

        var stored = JsonSerializer.Deserialize<Shared>(known[SharedKeyName], JitJson.Options)!;
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(Convert.FromBase64String(stored.Key), out _);
        return new DevelopmentIssuer(folder, stored.Name, new SecretText(stored.ClientSecret), key);
    }

    /// <summary>What a gateway must trust of the issuer that the cluster's silos run; waits a while for the first of them.</summary>
    /// <param name="address">Where gateways and callers reach the silos.</param>
    /// <param name="store">The cluster's keys.</param>
    /// <param name="time">The clock.</param>
    /// <param name="waits">Is told what is waited for, each time that it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<IssuerOptions> FindSharedAsync(Uri address, IKeyStore store, TimeProvider time, Action<string>? waits = null, CancellationToken cancellationToken = default)
    {
        var known = await ClusterKeys.WaitFor(store, SharedNameName, time, waits, cancellationToken);
        return OptionsOf(address.GetLeftPart(UriPartial.Authority) + PathOf(System.Text.Encoding.ASCII.GetString(known[SharedNameName])));
    }

    /// <summary>
    /// Tells where the control plane listens, which makes the issuer's name, and writes it where <c>jit dev token</c> finds
    /// it. The answer is for <see cref="TokenValidator.Trust"/>.
    /// </summary>
    public IssuerOptions ListenAt(Uri controlPlane)
    {
        Issuer = controlPlane.GetLeftPart(UriPartial.Authority) + Path;
        Write(folder, new Stored(name, ClientSecret.Reveal(), Issuer, Issuer + "/token"));
        return OptionsOf(Issuer);
    }

    /// <inheritdoc/>
    public void Dispose() => Key.Dispose();

    private static string PathOf(string name) => "/dev-issuer/" + name;

    private static IssuerOptions OptionsOf(string issuer) => new()
    {
        Realm = Realm,
        Issuer = issuer,
        Audiences = [Audience],
        Algorithms = ["ES256"],
        KindClaim = "kind",
    };

    private static void Write(DataFolder folder, Stored stored) =>
        folder.Replace(FileName, JsonSerializer.SerializeToUtf8Bytes(stored, JitJson.Options));

    private sealed record Shared(string Name, string ClientSecret, string Key);

    private sealed record Stored(string Name, string ClientSecret, string? Issuer, string? TokenEndpoint);
}
