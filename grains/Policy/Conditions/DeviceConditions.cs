using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Policy.Evaluation;

namespace JitGrains.Policy.Conditions;

/// <summary>
/// What the connection's client certificate is. Only one of a configured authority counts as a certificate, and only of
/// such a one are the names believed; a thumbprint names any certificate, since holding its key is proved.
/// </summary>
/// <param name="Wanted">Whether there must be one; else there must be none.</param>
/// <param name="Authorities">Realms of authorities, one of which must have issued it; empty for any.</param>
/// <param name="Thumbprints">One of which it must have; empty for any.</param>
/// <param name="Names">Patterns, one of which one of its names must fit; empty for any.</param>
internal sealed record CertificateCondition(bool Wanted, ImmutableArray<string> Authorities, ImmutableArray<string> Thumbprints, ImmutableArray<string> Names) : Condition
{
    public override string Path => "device.certificate";

    public override bool NeedsCertificate => true;

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        problem = context.Certificate is null ? "the connection's certificate is not known" : null;
        return context.Certificate is { } certificate ? (Wanted ? Fits(certificate) : certificate.Authority is null).ToTruth() : Truth.Unknown;
    }

    public override string ToString() => !Wanted ? "none"
        : Authorities.IsEmpty && Thumbprints.IsEmpty && Names.IsEmpty ? "any"
        : DeviceText.Join(("issued_by", Authorities), ("thumbprints", Thumbprints), ("names", Names));

    private bool Fits(DeviceCertificate certificate)
    {
        if (certificate.Authority is null && (Thumbprints.IsEmpty || !Authorities.IsEmpty || !Names.IsEmpty))
            return false;
        return (Authorities.IsEmpty || Authorities.Contains(certificate.Authority!))
            && (Thumbprints.IsEmpty || Thumbprints.Contains(certificate.Thumbprint))
            && (Names.IsEmpty || AnyFits(certificate.Names));
    }

    private bool AnyFits(ImmutableArray<string> names)
    {
        foreach (var name in names)
        {
            foreach (var pattern in Names)
            {
                if (ActionSelector.NameFits(pattern, name))
                    return true;
            }
        }

        return false;
    }
}

/// <summary>Whether the caller's credential is bound to a key that the caller proved to hold, and to which.</summary>
/// <param name="Wanted">Whether it must be; else it must not.</param>
/// <param name="ByCertificate">Whether a certificate's key counts.</param>
/// <param name="ByProof">Whether a key of DPoP proofs counts.</param>
/// <param name="Thumbprints">One of which it must have; empty for any.</param>
internal sealed record KeyCondition(bool Wanted, bool ByCertificate, bool ByProof, ImmutableArray<string> Thumbprints) : Condition
{
    public override string Path => "device.key";

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        problem = context.Caller?.Device is null ? "what the caller's credential is bound to is not known" : null;
        return context.Caller?.Device is { } device
            ? (((ByCertificate && Counts(device.Certificate)) || (ByProof && Counts(device.ProofKey))) == Wanted).ToTruth()
            : Truth.Unknown;
    }

    public override string ToString() => !Wanted ? "none"
        : DeviceText.Join(("bound to", [.. ByCertificate ? ["certificate"] : Array.Empty<string>(), .. ByProof ? ["dpop"] : Array.Empty<string>()]), ("thumbprints", Thumbprints));

    private bool Counts(string? key) => key is not null && (Thumbprints.IsEmpty || Thumbprints.Contains(key));
}

/// <summary>The opposite of all of some conditions together; what cannot be told of these cannot be told of it.</summary>
internal sealed record NotCondition(string At, ConditionSet Inner) : Condition
{
    public override string Path => At;

    public override bool NeedsBody => Inner.NeedsBody;

    public override bool NeedsCertificate => Inner.NeedsCertificate;

    public override bool ReadsAuthorization => Inner.ReadsAuthorization;

    public override Truth Evaluate(in ConditionContext context, out string? problem)
    {
        problem = null;
        foreach (var condition in Inner.Conditions)
        {
            condition.Evaluate(context, out var why);
            problem ??= why;
        }

        var result = Inner.Evaluate(context).Not();
        problem = result == Truth.Unknown ? problem : null;
        return result;
    }

    public override string ToString() => string.Join(", ", Inner.Conditions.Select(c => $"{c.Path}: {c}"));
}

/// <summary>How conditions on devices are written on one line.</summary>
internal static class DeviceText
{
    public static string Join(params (string Key, ImmutableArray<string> Items)[] parts) =>
        string.Join(", ", parts.Where(p => !p.Items.IsEmpty).Select(p => $"{p.Key} [{string.Join(", ", p.Items)}]"));
}
