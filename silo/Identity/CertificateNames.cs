using System.Collections.Immutable;
using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>Who a certificate of a trusted authority is, by its alternative names (RFC 5280, section 4.2.1.6). Immutable and thread-safe.</summary>
internal sealed class CertificateNames(CertificateIssuerOptions options)
{
    private const string SubjectAlternativeName = "2.5.29.17";
    private const int Email = 1, Dns = 2, Uri = 6;

    private readonly ImmutableArray<(CertificateName Name, Regex Pattern)> names = [.. options.Names.Select(n => (n, TryCompile(n)!))];

    /// <summary>The pattern of a name; null where it is none that is matched in linear time.</summary>
    public static Regex? TryCompile(CertificateName name)
    {
        try
        {
            return new Regex($@"\A(?:{name.Pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The principal and its groups; null where the names are nobody's, or those of several.</summary>
    public (PrincipalId Principal, ImmutableHashSet<string> Groups)? Find(X509Certificate2 certificate, out string problem)
    {
        problem = "None of the certificate's names is a principal's.";
        if (Read(certificate) is not { } all)
            return null;
        if (options.TrustDomain is { } domain)
        {
            return SpiffeId.PathOf(certificate, [.. all.Where(n => n.Kind == Uri).Select(n => n.Value)], domain, out problem) is { } path
                && PrincipalId.TryParse($"{options.Realm}:service:{path}", null, out var workload, out problem) ? (workload, []) : null;
        }

        foreach (var (name, pattern) in names)
        {
            var kind = name.San switch { "email" => Email, "dns" => Dns, _ => Uri };
            var found = all.Where(n => n.Kind == kind).Select(n => pattern.Match(n.Value)).Where(m => m.Success).Select(m => (Fill(name.Principal, m), Match: m)).DistinctBy(f => f.Item1).ToList();
            if (found.Count > 1)
                problem = "The certificate's names are those of several principals.";
            if (found.Count == 0)
                continue;
            var groups = name.Groups.Select(g => Fill(g, found[0].Match)).ToList();
            return found.Count == 1 && PrincipalId.TryParse($"{options.Realm}:{found[0].Item1}", null, out var principal, out problem)
                && SafeText.IsKnownKind(principal.Kind) && groups.TrueForAll(g => SafeText.IsSafeSentence(g) && g.Length is > 0 and <= 256)
                ? (principal, groups.Select(g => $"{options.Realm}:{g}").ToImmutableHashSet(StringComparer.Ordinal))
                : null;
        }

        return null;
    }

    /// <summary>All of a certificate's names with their kinds, <c>dns:host.example.com</c>; none where they are malformed.</summary>
    public static ImmutableArray<string> All(X509Certificate2 certificate) =>
        [.. (Read(certificate) ?? []).Select(n => $"{n.Kind switch { Email => "email", Dns => "dns", _ => "uri" }}:{n.Value}")];

    private static string Fill(string template, Match match) =>
        Regex.Replace(template, @"\{(?<of>[A-Za-z0-9_]+)\}", m => match.Groups[m.Groups["of"].Value].Value, RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);

    /// <summary>Names of the three kinds; null where the extension is malformed.</summary>
    private static List<(int Kind, string Value)>? Read(X509Certificate2 certificate)
    {
        var read = new List<(int, string)>();
        if (certificate.Extensions[SubjectAlternativeName] is not { } extension)
            return read;
        try
        {
            for (var all = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence(); all.HasData;)
            {
                var tag = all.PeekTag();
                if (tag is { TagClass: TagClass.ContextSpecific, IsConstructed: false, TagValue: Email or Dns or Uri })
                    read.Add((tag.TagValue, Plain(tag.TagValue, all.ReadCharacterString(UniversalTagNumber.IA5String, tag))));
                else
                    all.ReadEncodedValue();
            }

            return read;
        }
        catch (AsnContentException)
        {
            return null;
        }
    }

    private static string Plain(int kind, string value) => kind == Dns ? value.ToLowerInvariant() : value;
}
