using System.Buffers;
using System.Buffers.Text;
using System.Collections.Immutable;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Reads what is asked of the device that calls.</summary>
internal static class DeviceBinder
{
    private const int HashBytes = 32;
    private const int LongestName = 2048;
    private static readonly string[] NameKinds = ["dns:", "email:", "uri:"];

    /// <summary>The conditions of a <c>device</c>.</summary>
    public static IEnumerable<Condition> Read(Cursor at)
    {
        if (at.Shape(DeviceShapes.Device) is not { } keys)
            return [];
        if (IsEmpty(at))
            return [];
        var all = Facts(keys);
        if (keys["not"] is { } not && not.Shape(DeviceShapes.Other) is { } others && !IsEmpty(not))
            all.Add(new NotCondition("device.not", new ConditionSet([.. Facts(others)])));
        return all;
    }

    /// <summary>A thumbprint in base64url; null where it is none.</summary>
    public static string? Thumbprint(Cursor at)
    {
        if (at.Text(128) is not { } text)
            return null;
        Span<byte> hash = stackalloc byte[HashBytes + 1];
        var plain = text.Replace(":", "", StringComparison.Ordinal);
        if (plain.Length == 2 * HashBytes && Convert.FromHexString(plain, hash, out _, out var written) == OperationStatus.Done && written == HashBytes)
            return Base64Url.EncodeToString(hash[..HashBytes]);
        // One text for each hash, or it would never be found equal.
        return text.Length == 43 && Base64Url.DecodeFromChars(text, hash, out _, out written) == OperationStatus.Done && written == HashBytes && Base64Url.EncodeToString(hash[..HashBytes]) == text
            ? text
            : at.Fail<string>($"'{Shown.Text(text)}' is no SHA-256 thumbprint: 43 characters of base64url, or 64 hexadecimal digits");
    }

    private static List<Condition> Facts(ShapeReader keys)
    {
        var all = new List<Condition>();
        if (keys["certificate"] is { } certificate && Certificate(certificate) is { } one)
            all.Add(one);
        if (keys["key"] is { } key && Key(key) is { } bound)
            all.Add(bound);
        if (keys["claims"] is { } claims)
            all.AddRange(FieldBinder.Fields(claims, FieldSource.Device));
        return all;
    }

    private static CertificateCondition? Certificate(Cursor at)
    {
        if (at.Node is YamlScalar)
            return at.Word("any", "none") is { } word ? new CertificateCondition(word == "any", [], [], []) : null;
        if (at.Shape(DeviceShapes.Certificate) is not { } keys || IsEmpty(at))
            return null;
        return new CertificateCondition(
            true,
            keys["issued_by"] is { } i ? i.List(x => x.Token()) : [],
            keys["thumbprints"] is { } t ? t.List(Thumbprint) : [],
            keys["names"] is { } n ? n.List(Name) : []);
    }

    private static KeyCondition? Key(Cursor at)
    {
        if (at.Node is YamlScalar)
        {
            return at.Word("any", "none", "certificate", "dpop") is { } word
                ? new KeyCondition(word != "none", word != "dpop", word != "certificate", [])
                : null;
        }

        if (at.Shape(DeviceShapes.Key) is not { } keys || IsEmpty(at))
            return null;
        var by = keys["bound_by"] is { } b ? b.List(x => x.Word("certificate", "dpop")) : ["certificate", "dpop"];
        return new KeyCondition(
            true,
            by.Contains("certificate", StringComparer.Ordinal),
            by.Contains("dpop", StringComparer.Ordinal),
            keys["thumbprints"] is { } t ? t.List(Thumbprint) : []);
    }

    private static string? Name(Cursor at)
    {
        var text = at.Text(LongestName);
        if (text is null)
            return null;
        if (!NameKinds.Any(k => text.StartsWith(k, StringComparison.Ordinal) && text.Length > k.Length))
            return at.Fail<string>($"'{Shown.Text(text)}': a certificate's name begins with its kind: dns:, email: or uri:");
        if (text.Contains("**", StringComparison.Ordinal))
            return at.Fail<string>("one * stands for any text already");
        return text.StartsWith("dns:", StringComparison.Ordinal) && text.Any(char.IsAsciiLetterUpper) ? at.Fail<string>("names of hosts are written in lower case") : text;
    }

    private static bool IsEmpty(Cursor at)
    {
        if (at.Node is not YamlMap { Entries.IsEmpty: true })
            return false;
        at.Error("there is no condition here; leave the key out where none is meant");
        return true;
    }
}
