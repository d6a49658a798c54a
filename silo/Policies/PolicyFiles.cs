using System.Security.Cryptography;
using System.Text;
using JitGrains.Policy;

namespace JitGrains.Silo.Policies;

/// <summary>The policy's files at one moment.</summary>
/// <param name="Files">The files; empty where they cannot be read.</param>
/// <param name="Fingerprint">Equal for equal content, or for the same trouble.</param>
/// <param name="Trouble">Why they cannot be read, or null.</param>
internal sealed record PolicyFiles(IReadOnlyList<PolicyFile> Files, string Fingerprint, string? Trouble)
{
    /// <summary>Most bytes of all files together.</summary>
    public const long MaxBytes = 10 * 1024 * 1024;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a file, or the <c>*.yaml</c> and <c>*.yml</c> files of a folder. Symbolic links are followed: mounted files change by them.</summary>
    public static PolicyFiles Read(string path)
    {
        try
        {
            var names = Directory.Exists(path)
                ? Directory.EnumerateFiles(path).Where(IsPolicy).Order(StringComparer.Ordinal).ToList()
                : [path];
            if (names.Count == 0)
                return Bad($"{path} holds no *.yaml or *.yml file");

            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var files = new List<PolicyFile>();
            var left = MaxBytes;
            foreach (var name in names)
            {
                using var stream = File.OpenRead(name);
                if (stream.Length > left)
                    return Bad($"{path} holds more than {MaxBytes} bytes");
                left -= stream.Length;
                var bytes = new byte[stream.Length];
                stream.ReadExactly(bytes);
                hash.AppendData(Encoding.UTF8.GetBytes($"{name}\n{bytes.Length}\n"));
                hash.AppendData(bytes);
                // By its name alone: the version must not depend on where this machine keeps its files.
                files.Add(new PolicyFile(Path.GetFileName(name), Strict.GetString(bytes)));
            }

            return new PolicyFiles(files, Convert.ToHexString(hash.GetHashAndReset()), null);
        }
        catch (DecoderFallbackException)
        {
            return Bad($"{path} holds a file that is not UTF-8");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Bad(e.Message);
        }
    }

    private static PolicyFiles Bad(string trouble) => new([], "trouble: " + trouble, trouble);

    private static bool IsPolicy(string path) =>
        !Path.GetFileName(path).StartsWith('.')
        && (path.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".yml", StringComparison.OrdinalIgnoreCase));
}
