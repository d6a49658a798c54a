using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Silo.Secrets;

/// <summary>
/// The keys of one installation, made on the first start and kept in the data folder: one random master secret, from
/// which each keyed digest has its own key (HKDF-SHA-256, RFC 5869), and the P-256 key that signs grants. Thread-safe.
/// </summary>
public sealed class KeyRing : IDisposable
{
    private const string FolderName = "keys";
    private const string MasterName = "master";
    private const string SigningName = "grant-signing.pem";
    private const int MasterBytes = 32;

    private readonly byte[] masterSecret;

    private KeyRing(ReadOnlySpan<byte> master, ECDsa grantSigning)
    {
        masterSecret = master.ToArray();
        PayloadBinding = Derive(master, "payload-binding");
        ReviewDigest = Derive(master, "review-digest");
        AuditPersonal = Derive(master, "audit-personal");
        SignIn = Derive(master, "sign-in");
        GrantSigning = grantSigning;
    }

    /// <summary>For the digest of a bound request.</summary>
    public SecretKey PayloadBinding { get; }

    /// <summary>For the digest of what approvers see.</summary>
    public SecretKey ReviewDigest { get; }

    /// <summary>For the digests that stand for personal values in audit chains.</summary>
    public SecretKey AuditPersonal { get; }

    /// <summary>Seals what a browser keeps for us between the start of a sign-in and its end.</summary>
    public SecretKey SignIn { get; }

    /// <summary>Signs grants (ES256). Owned by the key ring.</summary>
    public ECDsa GrantSigning { get; }

    /// <summary>Of these, what a gateway needs.</summary>
    public GatewayKeys ForGateways => new(PayloadBinding, AuditPersonal, GrantSigning.ExportSubjectPublicKeyInfo());

    /// <summary>Loads the keys, and makes them if the folder is new.</summary>
    /// <exception cref="StartupException">A key is missing or damaged. Keys are never made anew beside a store: what was signed and digested with the old ones would turn invalid.</exception>
    public static KeyRing Open(DataFolder folder)
    {
        var keys = folder.PathOf(FolderName);
        try
        {
            if (!Directory.Exists(keys))
                Create(folder, keys);
            return Load(keys);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The keys in {keys} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Loads the keys of a folder that somebody else keeps (a mounted secret): <c>master</c> and <c>grant-signing.pem</c>. Never makes any.</summary>
    /// <exception cref="StartupException">A key is missing or damaged.</exception>
    public static KeyRing OpenMounted(string folder)
    {
        try
        {
            return Load(Path.GetFullPath(folder));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The keys in {folder} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>New keys, in memory only.</summary>
    internal static KeyRing Make()
    {
        Span<byte> master = stackalloc byte[MasterBytes];
        RandomNumberGenerator.Fill(master);
        return new KeyRing(master, ECDsa.Create(ECCurve.NamedCurves.nistP256));
    }

    /// <summary>Keys as <see cref="Export"/> gave them.</summary>
    /// <exception cref="StartupException">They are damaged.</exception>
    internal static KeyRing Import(byte[] master, byte[] signing)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportPkcs8PrivateKey(signing, out _);
            if (key.KeySize == 256 && master.Length == MasterBytes)
                return new KeyRing(master, key);
        }
        catch (CryptographicException)
        {
            // Reported below without the exception: its text may quote the key.
        }

        key.Dispose();
        throw new StartupException("The cluster's keys in the database are damaged; restore them from the backup that the database is from.");
    }

    /// <summary>The master secret and the signing key (PKCS #8).</summary>
    internal (byte[] Master, byte[] Signing) Export() => ([.. masterSecret], GrantSigning.ExportPkcs8PrivateKey());

    /// <inheritdoc/>
    public void Dispose() => GrantSigning.Dispose();

    private static void Create(DataFolder folder, string keys)
    {
        if (Directory.EnumerateFiles(folder.Path, "*.db").Any())
            throw new StartupException($"{folder.Path} has a store but no {FolderName} folder; restore the keys from the backup that the store is from.");

        // Both files or none: they are written into a draft folder, which then gets its name.
        var draft = keys + ".new";
        if (Directory.Exists(draft))
            Directory.Delete(draft, recursive: true);
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(draft);
        else
            Directory.CreateDirectory(draft, DataFolder.PrivateFolder);

        Span<byte> master = stackalloc byte[MasterBytes];
        RandomNumberGenerator.Fill(master);
        DataFolder.WriteNewFile(Path.Combine(draft, MasterName), Encoding.ASCII.GetBytes(Base64Url.EncodeToString(master) + "\n"));
        using var signing = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        DataFolder.WriteNewFile(Path.Combine(draft, SigningName), Encoding.ASCII.GetBytes(signing.ExportPkcs8PrivateKeyPem() + "\n"));
        Directory.Move(draft, keys);
    }

    private static KeyRing Load(string keys)
    {
        var masterPath = Path.Combine(keys, MasterName);
        var signingPath = Path.Combine(keys, SigningName);
        var missing = new[] { masterPath, signingPath }.Where(p => !File.Exists(p)).Select(p => $"{p} is missing; restore it from a backup.").ToList();
        StartupException.ThrowIfAny(missing);

        var problems = new List<string>();
        var master = ReadMaster(masterPath, problems);
        var signing = ReadSigning(signingPath, problems);
        if (problems.Count > 0)
            signing?.Dispose();
        StartupException.ThrowIfAny(problems);
        return new KeyRing(master, signing!);
    }

    private static byte[] ReadMaster(string path, List<string> problems)
    {
        var bytes = new byte[MasterBytes];
        var text = File.ReadAllText(path).Trim();
        if (!Base64Url.IsValid(text, out var length) || length != MasterBytes || !Base64Url.TryDecodeFromChars(text, bytes, out _))
            problems.Add($"{path} is not {MasterBytes} bytes in base64url; restore it from a backup.");
        return bytes;
    }

    private static ECDsa? ReadSigning(string path, List<string> problems)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(File.ReadAllText(path));
            if (key.KeySize == 256)
                return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            // Reported below without the exception: its text may quote the file.
        }

        key.Dispose();
        problems.Add($"{path} is not a P-256 private key in PEM; restore it from a backup.");
        return null;
    }

    private static SecretKey Derive(ReadOnlySpan<byte> master, string purpose)
    {
        Span<byte> key = stackalloc byte[MasterBytes];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, master, key, salt: [], info: Encoding.ASCII.GetBytes("jitgrains/1/" + purpose));
        return new SecretKey(key);
    }
}
