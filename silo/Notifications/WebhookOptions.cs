using JitGrains.Silo.Identity;

namespace JitGrains.Silo.Notifications;

/// <summary>One webhook, by the Standard Webhooks specification.</summary>
public sealed record WebhookOptions
{
    private static readonly TimeSpan[] DefaultWaits =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2), TimeSpan.FromHours(5),
        TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>Where it goes: https, http on loopback only.</summary>
    public string Url { get; init; } = "";

    /// <summary>A file that holds the secret (<c>whsec_...</c>).</summary>
    public string? SecretFile { get; init; }

    /// <summary>Or the name of an environment variable that holds it.</summary>
    public string? SecretVariable { get; init; }

    /// <summary>How long one attempt may take. Default 10 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The waits after each failed attempt, after the last of which it is given up. Default where none is listed, as the
    /// specification has it: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
    /// </summary>
    public IList<TimeSpan> Retries { get; init; } = [];

    internal IList<TimeSpan> Waits => Retries.Count == 0 ? DefaultWaits : Retries;

    internal IEnumerable<string> Problems()
    {
        if (!IssuerOptions.IsAcceptableAddress(Url.Split('?', 2)[0]))
            yield return "Webhook:Url is an absolute https address (http on loopback only).";
        if (SecretFile is null == SecretVariable is null)
            yield return "Webhook: name either SecretFile or SecretVariable.";
        if (Timeout <= TimeSpan.Zero || Timeout > TimeSpan.FromMinutes(1))
            yield return "Webhook:Timeout is more than zero and at most a minute.";
        if (Retries.Any(r => r <= TimeSpan.Zero))
            yield return "Webhook:Retries are times of more than zero.";
    }

    /// <summary>The secret.</summary>
    /// <exception cref="StartupException">It is not there, or has not the specification's form.</exception>
    internal WebhookSecret ReadSecret()
    {
        string? text;
        try
        {
            text = SecretFile is not null ? File.ReadAllText(SecretFile) : Environment.GetEnvironmentVariable(SecretVariable!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"Webhook:SecretFile cannot be read: {e.Message}", e);
        }

        return WebhookSecret.TryParse(text?.Trim(), out var secret)
            ? secret
            : throw new StartupException($"Webhook: the secret is {WebhookSecret.Prefix} and 24 to 64 bytes in base64.");
    }
}
