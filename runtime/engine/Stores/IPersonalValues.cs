using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The personal values behind the audit trail's digests, to find and to erase: the chains stay as they are. They come with their
/// entries (<see cref="IAuditStore"/>). Thread-safe.
/// </summary>
public interface IPersonalValues
{
    /// <summary>The digests of all values that name this person, alone or among others (<see cref="PersonalValue.Separator"/>). Reads every value.</summary>
    Task<IReadOnlyList<string>> FindAsync(string person, CancellationToken cancellationToken = default);

    /// <summary>
    /// Erases the values behind these digests; returns once that is durable. From then on such a value is taken in only with
    /// an entry that shows its person acting after this time (<see cref="PersonalValue.ActedAt"/>). The same again erases none that
    /// came back that way.
    /// </summary>
    Task EraseAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken = default);

    /// <summary>Another process did: what this one knows to be held may not be.</summary>
    void Forget(string digest, DateTimeOffset at);

    /// <summary>Others may have, and this process was not told.</summary>
    void ForgetAll();
}
