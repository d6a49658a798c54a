using System.Diagnostics.CodeAnalysis;

namespace JitGrains.Http;

/// <summary>A canonical request, or why there is none: exactly one of the two.</summary>
public readonly struct CanonicalResult : IEquatable<CanonicalResult>
{
    private readonly CanonicalRequest? _request;
    private readonly CanonicalRefusal? _refusal;

    private CanonicalResult(CanonicalRequest? request, CanonicalRefusal? refusal) => (_request, _refusal) = (request, refusal);

    /// <summary>A request that was read.</summary>
    public static CanonicalResult Accepted(CanonicalRequest request) => new(request, null);

    /// <summary>A request that was refused.</summary>
    public static CanonicalResult Refused(CanonicalRefusal refusal) => new(null, refusal);

    /// <summary>Gives the request, or else the refusal. The default value is a refusal, so that nothing slips through.</summary>
    public bool TryGet([NotNullWhen(true)] out CanonicalRequest? request, [NotNullWhen(false)] out CanonicalRefusal? refusal)
    {
        request = _request;
        refusal = request is null ? _refusal ?? Refusals.Unread : null;
        return request is not null;
    }

    /// <inheritdoc/>
    public bool Equals(CanonicalResult other) => Equals(_request, other._request) && Equals(_refusal, other._refusal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is CanonicalResult other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_request, _refusal);

    /// <summary>Equality.</summary>
    public static bool operator ==(CanonicalResult left, CanonicalResult right) => left.Equals(right);

    /// <summary>Inequality.</summary>
    public static bool operator !=(CanonicalResult left, CanonicalResult right) => !left.Equals(right);
}
