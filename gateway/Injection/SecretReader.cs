using System.Collections.Concurrent;
using System.Text;

namespace JitGrains.Gateway.Injection;

/// <summary>A secret that was read. No log shows it.</summary>
internal sealed class SecretValue(string text)
{
    public SecretText Text { get; } = new(text);

    public override string ToString() => Text.ToString();
}

/// <summary>
/// Reads secrets by their references. A file is read anew where its last reading is older than a second; so a change of it, or
/// that it is gone, is seen by the calls after that. Thread-safe.
/// </summary>
internal sealed class SecretReader(KeyVaultSecrets vaults, TimeProvider time, ILogger<SecretReader> logger)
{
    private const int Longest = 64 * 1024;
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ConcurrentDictionary<SecretReference, Kept<SecretValue>> known = new();

    /// <summary>The secret, or null where it cannot be had.</summary>
    public ValueTask<SecretValue?> Read(SecretReference reference) => known.GetOrAdd(reference, Keep).Get();

    private Kept<SecretValue> Keep(SecretReference reference) => new($"The secret {reference}", reference.Place switch
    {
        SecretPlace.Environment => () => Task.FromResult(OfEnvironment(reference.Rest)),
        SecretPlace.File => () => OfFile(reference.Rest),
        _ => () => vaults.Fetch(new Uri(reference.Rest)),
    }, time, logger);

    private static Fetched<SecretValue> OfEnvironment(string name) => Of(Environment.GetEnvironmentVariable(name), "the variable is not set");

    private static async Task<Fetched<SecretValue>> OfFile(string path)
    {
        try
        {
            await using var file = new FileStream(path, new FileStreamOptions { Access = FileAccess.Read, Share = FileShare.ReadWrite | FileShare.Delete, Options = FileOptions.Asynchronous });
            var bytes = new byte[Longest + 1];
            var length = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false);
            return length > Longest ? Fetched<SecretValue>.Failed("the file is too long") : Of(Strict.GetString(bytes, 0, length), "the file is empty");
        }
        catch (DecoderFallbackException)
        {
            return Fetched<SecretValue>.Failed("the file is not UTF-8");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fetched<SecretValue>.Failed($"the file cannot be read, {e.GetType().Name}");
        }
    }

    /// <summary>Editors and shells end a text with a line break, which is no part of it.</summary>
    private static Fetched<SecretValue> Of(string? text, string none)
    {
        var value = text?.EndsWith('\n') == true ? text.AsSpan()[..^1].TrimEnd('\r').ToString() : text;
        return string.IsNullOrEmpty(value) ? Fetched<SecretValue>.Failed(none) : new Fetched<SecretValue>(new SecretValue(value), Fresh, Fresh);
    }
}
